package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Perplexity is exp of the mean negative log-likelihood of a text, per token, per word and
// per byte. The text is one sequence, over which a window moves, or many documents, each a
// sequence of its own.
type Perplexity struct {
	// Stride is how far the window moves: each time, the last Stride tokens count, and
	// those before are only read. 0 is the whole window, the fastest and the harshest.
	Stride int
	// FullLast has the last window of a sequence reach back until it is full, over tokens
	// that were predicted before and are only read again. Otherwise it is what is left.
	FullLast bool
	// Detokenizer undoes the tokenisation of a text before the model sees it (GPT-2, §3.1);
	// see Detokenizers. Words and bytes are counted in the text as it is.
	Detokenizer string
	// Words is how words are counted; see WordCounts. "" is with-line-ends.
	Words string
	// BOS puts the end of text in front, so that the first token is predicted too.
	BOS bool
	// Documents has the file be JSON lines with a key text or page, each a document, instead
	// of one text. It wants BOS, as a document may be a single token.
	Documents bool
	// Limit ends the text after so many tokens, or takes only so many documents; 0 is all.
	Limit int
	// Published are values of others.
	Published []Published
}

// WordCounts names the ways to count words: what stands between white space and the line
// ends, as the tokens of WikiText's own papers and GPT-2's are counted; or the parts that
// white space splits a text into, of which one at either end may be empty, as
// lm-evaluation-harness counts.
func WordCounts() []string { return []string{"with-line-ends", "split"} }

// Evaluate measures a text file.
func (p Perplexity) Evaluate(ctx context.Context, s *Subject, path string) (Result, error) {
	data, protocol, err := file(path)
	if err != nil {
		return Result{}, err
	}
	detokenize, err := findDetokenizer(p.Detokenizer)
	if err != nil {
		return Result{}, err
	}
	documents, err := p.documents(path, data)
	if err != nil {
		return Result{}, err
	}
	encoded := make([][]int, len(documents))
	for i, text := range documents { // all before the work, lest the last be too short
		if encoded[i], err = s.Tokenizer.Append(nil, []byte(detokenize(text))); err != nil {
			return Result{}, fmt.Errorf("%s: %w", path, err)
		}
		if p.Documents && !p.BOS && len(encoded[i]) == 1 {
			return Result{}, fmt.Errorf("%s: document %d: a single token, which nothing predicts; give --bos", path, i+1)
		}
	}
	partly := !p.Documents && p.Limit > 0 && p.Limit < len(encoded[0])
	if partly {
		encoded[0] = encoded[0][:p.Limit]
	}
	var total sum
	var samples []Sample
	words, size := 0, 0
	for i, ids := range encoded {
		progress := s.Progress
		if p.Documents {
			progress = nil
			if err := s.step(ctx, i, len(documents)); err != nil {
				return Result{}, err
			}
		}
		part, err := p.sequence(ctx, s, ids, progress)
		if err != nil {
			if p.Documents {
				err = fmt.Errorf("document %d: %w", i+1, err)
			}
			return Result{}, fmt.Errorf("%s: %w", path, err)
		}
		total.nll, total.tokens = total.nll+part.nll, total.tokens+part.tokens
		samples = append(samples, Sample{LogLikelihoods: []float64{-part.nll}, Tokens: part.tokens})
		words, size = words+p.words(documents[i]), size+len(documents[i])
	}
	if p.Documents {
		if err := s.step(ctx, len(documents), len(documents)); err != nil {
			return Result{}, err
		}
	}
	r := p.result(s, total)
	r.Published, r.Samples = p.Published, samples
	protocol = append(protocol, Setting{"detokenizer", orNone(p.Detokenizer)}, Setting{"tokenizer", s.Tokenizer.Name()})
	if p.Documents {
		protocol = append(protocol, Setting{"documents", fmt.Sprintf("%d, each alone", len(documents))})
	}
	if partly {
		protocol = append(protocol, Setting{"limit", strconv.Itoa(p.Limit) + " tokens"})
	} else { // words of a part of the tokens cannot be counted
		r.Metrics = append(r.Metrics,
			Number{"perplexity_per_word", math.Exp(total.nll / float64(words))},
			Number{"perplexity_per_byte", math.Exp(total.nll / float64(size))},
			Number{"bits_per_byte", total.nll / float64(size) / math.Ln2},
		)
		how := "line ends included"
		if p.Words == "split" {
			how = "split at white space, empty ends included"
		}
		protocol = append(protocol,
			Setting{"words", fmt.Sprintf("%d of the original text, %s", words, how)},
			Setting{"bytes", fmt.Sprintf("%d of the original text", size)})
	}
	r.Protocol = append(protocol, r.Protocol...)
	return r, nil
}

// documents are the texts of a file that are measured, each alone.
func (p Perplexity) documents(path string, data []byte) ([]string, error) {
	if !p.Documents {
		return []string{string(data)}, nil
	}
	documents, err := jsonTexts(path, data, "text", "page")
	if err == nil && p.Limit > 0 {
		documents = documents[:min(p.Limit, len(documents))]
	}
	return documents, err
}

// words counts those of a text.
func (p Perplexity) words(text string) int {
	if p.Words != "split" {
		return len(strings.Fields(text)) + strings.Count(text, "\n")
	}
	n, space := 1, false
	for _, r := range text {
		if isSpace(r) && !space {
			n++
		}
		space = isSpace(r)
	}
	return n
}

// IDs measures a sequence of tokens.
func (p Perplexity) IDs(ctx context.Context, s *Subject, ids []int) (Result, error) {
	total, err := p.sequence(ctx, s, ids, s.Progress)
	if err != nil {
		return Result{}, err
	}
	return p.result(s, total), nil
}

// sum is a negative log-likelihood and the number of tokens that it is of.
type sum struct {
	nll    float64
	tokens int
}

func (p Perplexity) result(s *Subject, total sum) Result {
	mean := total.nll / float64(total.tokens)
	last := "what is left"
	if p.FullLast {
		last = "full, reaching back"
	}
	return Result{
		Metric: "perplexity_per_token", Value: math.Exp(mean), Tokens: int64(total.tokens),
		Metrics: Numbers{{"perplexity_per_token", math.Exp(mean)}, {"loss_per_token", mean}},
		Protocol: Settings{
			{"window", strconv.Itoa(s.Window)}, {"stride", strconv.Itoa(p.stride(s))}, {"last_window", last}, {"bos", bosText(p.BOS, "none; the first token is not predicted")},
			{"tokens", strconv.Itoa(total.tokens)},
		},
	}
}

func (p Perplexity) stride(s *Subject) int {
	if p.Stride == 0 {
		return s.Window
	}
	return p.Stride
}

// sequence measures one.
func (p Perplexity) sequence(ctx context.Context, s *Subject, ids []int, progress func(done, total int)) (sum, error) {
	t, stride := s.Window, p.stride(s)
	if stride < 1 || stride > t {
		return sum{}, fmt.Errorf("eval: a stride of %d is not between 1 and the window of %d", stride, t)
	}
	if p.Words != "" && !slices.Contains(WordCounts(), p.Words) {
		return sum{}, nearest.Unknown("word count", p.Words, WordCounts())
	}
	if p.BOS {
		id, ok := s.Tokenizer.EndOfText()
		if !ok {
			return sum{}, noEnd(s.Tokenizer)
		}
		ids = append([]int{id}, ids...)
	}
	n := len(ids) - 1 // to predict
	if n < 1 {
		return sum{}, errors.New("eval: fewer than two tokens: without a beginning of text, the first is not predicted")
	}
	// A short text needs no whole window. Short windows are too little work for a run, so
	// several go into one.
	t = min(t, n)
	width := fit(t, s.Window)
	batch := fit(min(max(1, 1024/width), 1+(n-t+stride-1)/stride), max(1, 1024/width))
	tokens, targets := make([]int, batch*width), make([]int, batch*width)
	var total sum
	for next, done := 0, 0; done < n; {
		for b := range batch {
			in, out := tokens[b*width:(b+1)*width], targets[b*width:(b+1)*width]
			clear(in)
			for i := range out {
				out[i] = -1
			}
			if done == n {
				continue
			}
			// The window reads ids[next:end] and predicts ids[next+1:end+1], of which those
			// up to done were predicted before.
			end := min(next+t, n)
			if p.FullLast {
				next = end - t
			}
			copy(in, ids[next:end])
			for i := done; i < end; i++ {
				out[i-next] = ids[i+1]
			}
			done = end
			next += stride
		}
		nll, k, err := s.windows(batch, tokens, targets)
		if err != nil {
			return sum{}, err
		}
		total.nll, total.tokens = total.nll+nll, total.tokens+k
		if progress != nil {
			progress(done, n)
		}
		if err := ctx.Err(); err != nil {
			return sum{}, err
		}
	}
	return total, nil
}

func orNone(name string) string {
	if name == "" {
		return "none"
	}
	return name
}
