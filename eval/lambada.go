package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// LAMBADA is the prediction of the last word of a passage (Paperno et al. 2016): the share
// of words that are the model's first choice, and their perplexity.
//
// A word has as many tokens as it takes, and each must be the best one. OpenAI counted
// the last token only, which is reported beside it. The word is what follows the last
// space, which is predicted with it.
type LAMBADA struct {
	// StopWords has words that no passage ends with, such as "the", passed over as first
	// choice. GPT-2's paper (§3.3) tells of such a filter but not of its words.
	StopWords bool
	// Detokenizer is for the original, tokenised text; see Detokenizers.
	Detokenizer string
	// BOS puts the end of text in front of a passage.
	BOS bool
	// Limit takes only so many passages; 0 is all.
	Limit int
}

// Evaluate measures a file of passages: JSONL with a key text, or a passage a line.
func (l LAMBADA) Evaluate(ctx context.Context, s *Subject, path string) (Result, error) {
	data, protocol, err := file(path)
	if err != nil {
		return Result{}, err
	}
	detokenize, err := findDetokenizer(l.Detokenizer)
	if err != nil {
		return Result{}, err
	}
	passages, err := passages(path, data)
	if err != nil {
		return Result{}, err
	}
	if l.Limit > 0 {
		passages = passages[:min(l.Limit, len(passages))]
	}
	var sum lambadaSum
	for i, passage := range passages {
		if err := s.step(ctx, i, len(passages)); err != nil {
			return Result{}, err
		}
		text := detokenize.apply(passage)
		cut := strings.LastIndexByte(text, ' ')
		if cut < 1 {
			return Result{}, fmt.Errorf("%s: passage %d has a single word", path, i+1)
		}
		right, last, logProb, n, err := l.passage(s, text[:cut], text[cut:])
		if err != nil {
			return Result{}, fmt.Errorf("%s: passage %d: %w", path, i+1, err)
		}
		sum.add(right, last, logProb, n)
	}
	if err := s.step(ctx, len(passages), len(passages)); err != nil {
		return Result{}, err
	}
	filter := "none"
	if l.StopWords {
		filter = fmt.Sprintf("%d words", len(stopWords))
	}
	r := sum.result()
	r.Protocol = append(protocol,
		Setting{"passages", strconv.Itoa(len(passages))},
		Setting{"target", "last word with the space before it, all its tokens"},
		Setting{"stop_words", filter}, Setting{"detokenizer", orNone(l.Detokenizer)},
		Setting{"window", strconv.Itoa(s.Window)}, Setting{"bos", bosText(l.BOS, "none")}, Setting{"tokenizer", s.Tokenizer.Name()})
	r.Published = lambadaPublished
	return r, nil
}

// lambadaSum adds up what passages give.
type lambadaSum struct {
	words, lasts int // that were the first choice: whole words, and their last tokens
	nll          float64
	tokens       int64
	samples      []Sample
}

func (m *lambadaSum) add(right, last bool, logProb float64, n int) {
	if right {
		m.words++
	}
	if last {
		m.lasts++
	}
	m.samples = append(m.samples, Sample{LogLikelihoods: []float64{logProb}, Tokens: n, Right: &right})
	m.nll -= logProb
	m.tokens += int64(n)
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

// passage scores one word: whether all of it is the first choice, whether its last token
// is, its log-likelihood and its tokens.
func (l LAMBADA) passage(s *Subject, before, word string) (right, last bool, logProb float64, n int, err error) {
	ids, from, err := s.encode(before, word, l.BOS)
	if err != nil {
		return false, false, 0, 0, err
	}
	scored, err := s.Score(ids, from)
	if err != nil {
		return false, false, 0, 0, err
	}
	if l.StopWords {
		if err := l.filter(s, ids, from, scored); err != nil {
			return false, false, 0, 0, err
		}
	}
	right = true
	for i, t := range scored {
		last = t.Best == ids[from+i]
		right = right && last
		logProb += t.LogProb
	}
	return right, last, logProb, len(scored), nil
}

// filter makes the first choice for ids[from] the best token that is no stop word.
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
		logits[best] = float32(math.Inf(-1)) // ours until the next run
	}
	return errors.New("eval: the vocabulary has stop words only")
}

// isStopWord tells of a token; what pads the model's vocabulary is no word.
func isStopWord(s *Subject, id int) (bool, error) {
	if id >= s.Tokenizer.Size() {
		return false, nil
	}
	text, err := s.Tokenizer.AppendText(nil, []int{id})
	word, begins := strings.CutPrefix(string(text), " ")
	return begins && stopWords[strings.ToLower(word)], err
}

// passages reads LAMBADA in either form.
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

// stopWords are the articles, prepositions, pronouns, conjunctions and auxiliaries of
// English: function words, of which few end a sentence that names what it is about.
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
