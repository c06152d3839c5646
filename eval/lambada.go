package eval

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// LAMBADA is the prediction of the last word of a passage (Paperno et al. 2016): the share
// of words that are the model's first choice, and their perplexity.
//
// A word is right if each of its tokens is the model's first choice. OpenAI counted
// the last token only; that accuracy is reported too. The word is what follows the last
// space, and includes the space.
type LAMBADA struct {
	// StopWords skips words that passages do not end with, such as "the", as first
	// choice. GPT-2's paper (§3.3) mentions such a filter but does not list its words.
	StopWords bool
	// Detokenizer is for the original, tokenized text; see Detokenizers.
	Detokenizer string
	// BOS puts a beginning of text before a passage: see tokenizer.Beginning.
	BOS bool
	// Limit takes only this many passages; 0 is all.
	Limit int
	// Protocol affects only how Shots examples are put before a passage; see Protocols.
	// See MultipleChoice for the other fields.
	Protocol  string
	Shots     int
	Examples  string
	Draw      string
	Separator string
	Seed      uint64
	// Show is how many of the first samples contain what the model was given.
	Show int
}

// lambadaShots is how many examples GPT-3's paper uses.
const lambadaShots = 15

// put returns a passage and its last word as a question, and as the text of an example. In GPT-3's paper
// the word fills a blank if there are examples (figure G.21). In examples only, the harness puts a space
// between a passage and its last word, which already begins with a space.
func (l LAMBADA) put(passage, word string) (question Choice, example string) {
	switch {
	case l.Protocol == "gpt3" && l.Shots > 0:
		passage += " ____. ->"
	case l.Protocol == "harness":
		return Choice{passage, word}, passage + " " + word
	}
	return Choice{passage, word}, passage + word
}

// prompts reads the passages, and those of the examples into the pool of p.
func (l LAMBADA) prompts(path string, data []byte, detokenize detokenizer) (questions []Choice, p *prompts, err error) {
	if !slices.Contains(Protocols(), cmp.Or(l.Protocol, "plain")) {
		return nil, nil, nearest.Unknown("protocol", l.Protocol, Protocols())
	}
	p = &prompts{
		shots: l.Shots, draw: l.Draw, seed: l.Seed, separator: cmp.Or(l.Separator, "\n\n"),
		own: l.Examples == "" || sameFile(l.Examples, path), cut: l.Protocol == "harness", bos: l.BOS,
	}
	if l.Protocol == "gpt3" && l.Shots > 0 {
		p.description = "Fill in blank:\n\n"
	}
	read := func(path string, data []byte) (questions []Choice, examples []string, err error) {
		texts, err := passages(path, data)
		if err != nil {
			return nil, nil, err
		}
		for i, text := range texts {
			text = detokenize.apply(text)
			cut := strings.LastIndexByte(text, ' ')
			if cut < 1 {
				return nil, nil, fmt.Errorf("%s: passage %d has a single word", path, i+1)
			}
			question, example := l.put(text[:cut], text[cut:])
			questions, examples = append(questions, question), append(examples, example)
		}
		return questions, examples, nil
	}
	if questions, p.pool, err = read(path, data); err != nil {
		return nil, nil, err
	}
	if !p.own {
		data, _, err := file(l.Examples)
		if err != nil {
			return nil, nil, err
		}
		if _, p.pool, err = read(l.Examples, data); err != nil {
			return nil, nil, err
		}
	}
	if err := checkShots(l.Shots, l.Draw, len(p.pool), p.own); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if l.Limit > 0 {
		questions = questions[:min(l.Limit, len(questions))]
	}
	return questions, p, nil
}

// Evaluate measures a file of passages: JSONL with a key text, or one passage per line.
func (l LAMBADA) Evaluate(ctx context.Context, s *Subject, path string) (Result, error) {
	data, protocol, err := file(path)
	if err != nil {
		return Result{}, err
	}
	detokenize, err := findDetokenizer(l.Detokenizer)
	if err != nil {
		return Result{}, err
	}
	questions, p, err := l.prompts(path, data, detokenize)
	if err != nil {
		return Result{}, err
	}
	score := func(q Sequence) ([]Scored, error) { return s.Score(q.IDs, q.From) }
	if l.Shots > 0 && l.Draw == "first" { // all passages have the same examples
		scorer := s.NewScorer()
		score = func(q Sequence) ([]Scored, error) {
			all, err := scorer.Score([]Sequence{q})
			if err != nil {
				return nil, err
			}
			return all[0], nil
		}
	}
	parts := make([]passageDone, len(questions))
	for i, question := range questions {
		if err := s.step(ctx, i, len(questions)); err != nil {
			return Result{}, err
		}
		given, err := p.put(s, i, []Choice{question})
		if err != nil {
			return Result{}, fmt.Errorf("%s: passage %d: %w", path, i+1, errors.Unwrap(err))
		}
		if parts[i].Sample, err = p.sample(s, l.Show, given); err != nil {
			return Result{}, err
		}
		if !s.own(i, len(questions)) {
			continue
		}
		if err := l.passage(s, given[0], score, &parts[i]); err != nil {
			return Result{}, fmt.Errorf("%s: passage %d: %w", path, i+1, err)
		}
	}
	if err := join(s, parts); err != nil {
		return Result{}, err
	}
	if err := s.step(ctx, len(questions), len(questions)); err != nil {
		return Result{}, err
	}
	var sum lambadaSum
	for _, part := range parts {
		sum.add(part)
	}
	r := sum.result()
	r.Protocol = slices.Concat(protocol, l.settings(s, p, len(questions)))
	r.Published, r.Near = slices.Concat(lambadaPublished, gpt3Published("lambada", lambadaShots)), nearGPT3(s)
	return r, nil
}

// settings returns the protocol for n passages.
func (l LAMBADA) settings(s *Subject, p *prompts, n int) Settings {
	filter, from := "none", ""
	if l.StopWords {
		filter = fmt.Sprintf("%d words", len(stopWords))
	}
	if l.Protocol == "gpt3" {
		from = "dev"
	}
	return slices.Concat(
		Settings{
			{"protocol", cmp.Or(l.Protocol, "plain")}, {"passages", strconv.Itoa(n)}, {"target", "last word with the space before it, all its tokens"},
			{"stop_words", filter}, {"detokenizer", orNone(l.Detokenizer)},
		},
		p.settings(l.Examples, from), p.cuts(), s.runs(),
		Settings{{"window", strconv.Itoa(s.Window)}, {"bos", s.bosText(l.BOS, "none")}, {"tokenizer", s.Tokenizer.Name()}})
}

// lambadaSum adds up the results of passages.
type lambadaSum struct {
	words, lasts int // how many words, and how many last tokens of words, were the first choice
	nll          float64
	tokens       int64
	samples      []Sample
}

func (m *lambadaSum) add(p passageDone) {
	if p.Right {
		m.words++
	}
	if p.Last {
		m.lasts++
	}
	p.Sample.LogLikelihoods, p.Sample.Tokens, p.Sample.Right = []float64{p.LogProb}, p.Tokens, &p.Right
	m.samples = append(m.samples, p.Sample)
	m.nll -= p.LogProb
	m.tokens += int64(p.Tokens)
}

func (m *lambadaSum) result() Result {
	count := float64(len(m.samples))
	return Result{
		Metric: "accuracy", Value: float64(m.words) / count, Tokens: m.tokens, Samples: m.samples,
		Metrics: Numbers{
			{"accuracy", float64(m.words) / count},
			{"accuracy_last_token", float64(m.lasts) / count},
			{"perplexity", math.Exp(m.nll / count)},
			{"perplexity_per_token", math.Exp(m.nll / float64(m.tokens))},
		},
	}
}

// passageDone is the result for a word: whether all of its tokens are the first choice, whether the last one
// is, its log-likelihood, and its number of tokens.
type passageDone struct {
	Sample      Sample
	Right, Last bool
	LogProb     float64
	Tokens      int
}

// passage scores the last word of a passage.
func (l LAMBADA) passage(s *Subject, given Sequence, score func(Sequence) ([]Scored, error), p *passageDone) error {
	ids, from := given.IDs, given.From
	scored, err := score(given)
	if err != nil {
		return err
	}
	if l.StopWords {
		if err := l.filter(s, ids, from, scored); err != nil {
			return err
		}
	}
	p.Right, p.Tokens = true, len(scored)
	for i, t := range scored {
		p.Last = t.Best == ids[from+i]
		p.Right = p.Right && p.Last
		p.LogProb += t.LogProb
	}
	return nil
}

// filter changes the first choice for ids[from] to the best token that is not a stop word.
func (l LAMBADA) filter(s *Subject, ids []int, from int, scored []Scored) error {
	if stop, err := isStopWord(s, scored[0].Best); err != nil || !stop {
		return err
	}
	logits, err := s.logits(ids[:from+1], from)
	if err != nil {
		return err
	}
	for range logits {
		best := argmax(logits)
		stop, err := isStopWord(s, best)
		if err != nil {
			return err
		}
		if !stop {
			scored[0].Best = best
			return nil
		}
		logits[best] = float32(math.Inf(-1)) // may be modified until the next run
	}
	return errors.New("eval: the vocabulary has only stop words")
}

// isStopWord reports whether a token is a stop word. Ids that pad the model's vocabulary are not.
func isStopWord(s *Subject, id int) (bool, error) {
	if id >= s.Tokenizer.Size() {
		return false, nil
	}
	text, err := s.Tokenizer.AppendText(nil, []int{id})
	word, begins := strings.CutPrefix(string(text), " ")
	return begins && stopWords[strings.ToLower(word)], err
}

// passages reads the passages of LAMBADA in either format.
func passages(path string, data []byte) ([]string, error) {
	var all []string
	err := eachLine(path, bytes.NewReader(data), func(line []byte) (err error) {
		text := string(line)
		if line[0] == '{' {
			text, err = jsonText(line, "text")
			text = strings.TrimRight(text, " ")
		}
		all = append(all, text)
		return err
	})
	if err == nil && len(all) == 0 {
		err = errors.New(path + ": no passages")
	}
	return all, err
}

// stopWords are English function words: articles, prepositions, pronouns, conjunctions and
// auxiliaries. Few of them end a passage whose last word has to be guessed.
var stopWords = func() map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(`a about above after again against all am an and any are as at
be because been before being below between both but by can could did do does doing down during each few
for from further had has have having he her here hers herself him himself his how i if in into is it its
itself just me more most my myself no nor not now of off on once only or other our ours ourselves out over
own same she should so some such than that the their theirs them themselves then there these they this
those through to too under until up very was we were what when where which while who whom why will with
would you your yours yourself yourselves`) {
		set[w] = true
	}
	return set
}()
