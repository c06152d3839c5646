package eval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
)

// Perplexity is exp of the mean negative log-likelihood of a text, per token, per word and
// per byte. The text is one sequence, over which a window moves, or many documents, each a
// separate sequence. It is read twice, to count and to measure, and never kept as a whole.
type Perplexity struct {
	// Stride is how far the window moves: each time, only the last Stride tokens count, and
	// those before are their context. 0 is the whole window, which is fastest and gives the least
	// context.
	Stride int
	// FullLast extends the last window of a sequence back until it is full, over tokens that
	// were already predicted and serve only as context. Otherwise the last window is shorter.
	FullLast bool
	// Detokenizer undoes the tokenization of a text before the model sees it (GPT-2, §3.1);
	// see Detokenizers. Words and bytes are counted in the original text.
	Detokenizer string
	// Words is how words are counted; see WordCounts. "" is with-line-ends.
	Words string
	// BOS puts a beginning of text first, so that the first token is predicted too: see
	// tokenizer.Beginning.
	BOS bool
	// Documents reads the file as JSON lines with a key text or page, each a document, instead
	// of one text. It requires BOS if a document is a single token.
	Documents bool
	// Limit ends the text after this many tokens, or takes only this many documents; 0 is all.
	Limit int
	// Published are values reported by others.
	Published []Published
}

// measured is what has been measured and counted of a text or of documents.
type measured struct {
	total       sum
	samples     []Sample
	words, size int
	documents   int
	partly      bool // Limit has ended the text, so that its words cannot be counted
}

func (m *measured) add(part sum) {
	m.total.NLL, m.total.Tokens = m.total.NLL+part.NLL, m.total.Tokens+part.Tokens
	m.samples = append(m.samples, Sample{LogLikelihoods: []float64{-part.NLL}, Tokens: part.Tokens})
}

// Evaluate measures a text file.
func (p Perplexity) Evaluate(ctx context.Context, s *Subject, path string) (Result, error) {
	d, err := findDetokenizer(p.Detokenizer)
	if err != nil {
		return Result{}, err
	}
	if err := p.check(s); err != nil {
		return Result{}, fmt.Errorf("%s: %w", path, err)
	}
	text, protocol, err := openText(path)
	if err != nil {
		return Result{}, err
	}
	measure := p.text
	if p.Documents {
		measure = p.documents
	}
	m, err := measure(ctx, s, text, d)
	if err != nil {
		return Result{}, err
	}
	r := p.result(s, m.total)
	r.Published, r.Samples = p.Published, m.samples
	protocol = append(protocol, Setting{"detokenizer", orNone(p.Detokenizer)}, Setting{"tokenizer", s.Tokenizer.Name()})
	if p.Documents {
		protocol = append(protocol, Setting{"documents", fmt.Sprintf("%d, each alone", m.documents)})
	}
	if m.partly {
		protocol = append(protocol, Setting{"limit", strconv.Itoa(p.Limit) + " tokens"})
	} else {
		r.Metrics = append(r.Metrics,
			Number{"perplexity_per_word", math.Exp(m.total.NLL / float64(m.words))},
			Number{"perplexity_per_byte", math.Exp(m.total.NLL / float64(m.size))},
			Number{"bits_per_byte", m.total.NLL / float64(m.size) / math.Ln2},
		)
		how := "line ends included"
		if p.Words == "split" {
			how = "split at white space, empty ends included"
		}
		protocol = append(protocol,
			Setting{"words", fmt.Sprintf("%d of the original text, %s", m.words, how)},
			Setting{"bytes", fmt.Sprintf("%d of the original text", m.size)})
	}
	r.Protocol = append(protocol, r.Protocol...)
	return r, nil
}

// text measures a text as one sequence.
func (p Perplexity) text(ctx context.Context, s *Subject, text textFile, d detokenizer) (m measured, err error) {
	counter := textCounter{split: p.Words == "split"}
	length := 0
	for ids, err := range text.tokens(s.Tokenizer, d, &counter) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return m, err
		}
		if length += len(ids); p.Limit > 0 && length > p.Limit {
			length, m.partly = p.Limit, true
			break
		}
	}
	next, stop := iter.Pull2(text.tokens(s.Tokenizer, d, io.Discard))
	defer stop()
	begin := p.begin(s)
	part, err := p.sequence(ctx, s, &stream{next: next, ids: begin}, len(begin)+length, true, s.Progress)
	if err != nil {
		return m, fmt.Errorf("%s: %w", text.path, err)
	}
	m.add(part)
	m.words, m.size = counter.words(), counter.size
	return m, nil
}

// documents measures each JSON line separately. All are checked first, as any of them may be invalid.
func (p Perplexity) documents(ctx context.Context, s *Subject, text textFile, d detokenizer) (m measured, err error) {
	counter := textCounter{split: p.Words == "split"}
	err = p.each(ctx, s, text, d, func(i int, original string, ids []int) error {
		if !p.BOS && len(ids) == 1 {
			return errors.New("a single token, which nothing predicts; give --bos")
		}
		words, size := counter.text(original)
		m.words, m.size, m.documents = m.words+words, m.size+size, i+1
		return nil
	})
	if err != nil {
		return m, err
	}
	var parts []sum
	err = p.each(ctx, s, text, d, func(i int, _ string, ids []int) (err error) {
		if err := s.step(ctx, i, m.documents); err != nil {
			return err
		}
		var part sum
		if s.own(i, m.documents) {
			all := slices.Concat(p.begin(s), ids)
			part, err = p.sequence(ctx, s, list(all), len(all), false, nil)
		}
		parts = append(parts, part)
		return err
	})
	if err == nil {
		err = join(s, parts)
	}
	if err != nil {
		return m, err
	}
	for _, part := range parts {
		m.add(part)
	}
	return m, s.step(ctx, m.documents, m.documents)
}

// errEnough ends the reading of documents.
var errEnough = errors.New("enough")

// each calls do for every document with its tokens, which are valid until the next.
func (p Perplexity) each(ctx context.Context, s *Subject, text textFile, d detokenizer, do func(i int, original string, ids []int) error) error {
	f, err := text.open()
	if err != nil {
		return err
	}
	defer f.Close()
	i := 0
	var ids []int
	err = eachLine(text.path, f, func(line []byte) error {
		if p.Limit > 0 && i == p.Limit {
			return errEnough
		}
		original, err := jsonText(line, "text", "page")
		if err != nil {
			return err
		}
		if err = ctx.Err(); err == nil {
			if ids, err = s.Tokenizer.Append(ids[:0], []byte(d.apply(original))); err == nil {
				err = do(i, original, ids)
			}
		}
		i++
		if err != nil {
			return &documentError{i, err}
		}
		return nil
	})
	var bad *documentError
	switch {
	case errors.As(err, &bad):
		return fmt.Errorf("%s: %w", text.path, bad)
	case err == nil && i == 0:
		return errors.New(text.path + ": no lines")
	case errors.Is(err, errEnough):
		return nil
	}
	return err
}

// documentError is an error in a document.
type documentError struct {
	document int
	err      error
}

func (e *documentError) Error() string { return fmt.Sprintf("document %d: %v", e.document, e.err) }
func (e *documentError) Unwrap() error { return e.err }

// IDs measures a sequence of tokens.
func (p Perplexity) IDs(ctx context.Context, s *Subject, ids []int) (Result, error) {
	if err := p.check(s); err != nil {
		return Result{}, err
	}
	all := slices.Concat(p.begin(s), ids)
	total, err := p.sequence(ctx, s, list(all), len(all), true, s.Progress)
	if err != nil {
		return Result{}, err
	}
	return p.result(s, total), nil
}

func (p Perplexity) result(s *Subject, total sum) Result {
	mean := total.NLL / float64(total.Tokens)
	last := "what is left"
	if p.FullLast {
		last = "full, reaching back"
	}
	return Result{
		Metric: "perplexity_per_token", Value: math.Exp(mean), Tokens: int64(total.Tokens),
		Metrics: Numbers{{"perplexity_per_token", math.Exp(mean)}, {"loss_per_token", mean}},
		Protocol: Settings{
			{"window", strconv.Itoa(s.Window)}, {"stride", strconv.Itoa(p.stride(s))}, {"last_window", last}, {"bos", bosText(s.Tokenizer, p.BOS, "none; the first token is not predicted")},
			{"tokens", strconv.Itoa(total.Tokens)},
		},
	}
}

func (p Perplexity) stride(s *Subject) int {
	if p.Stride == 0 {
		return s.Window
	}
	return p.Stride
}

func orNone(name string) string {
	if name == "" {
		return "none"
	}
	return name
}
