package generate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// BeamOptions are those of a beam search.
type BeamOptions struct {
	// Beams is the number of continuations that are followed at once.
	Beams int
	// LengthPenalty is the power of the length that a continuation's log-probability is
	// divided by: above 0 it favours long ones that end with a stop token, below 0 short ones.
	LengthPenalty float64
	// Stop are tokens that end a continuation.
	Stop []int
	// RepetitionPenalty and NoRepeat are as in [Options].
	RepetitionPenalty float64
	NoRepeat          int
}

// Hypothesis is a continuation that a beam search found.
type Hypothesis struct {
	IDs     []int   // what follows the prompt, a stop token included; empty if nothing can
	LogProb float64 // natural logarithm of its probability
	Score   float64 // LogProb / length^LengthPenalty
	Finish  Finish  // why it ends
}

// validate tells which option is out of range.
func (o BeamOptions) validate() error {
	if o.Beams < 1 {
		return fmt.Errorf("generate: %d beams, want 1 or more", o.Beams)
	}
	if math.IsNaN(o.LengthPenalty) || math.IsInf(o.LengthPenalty, 0) {
		return fmt.Errorf("generate: a length penalty of %v is not finite", o.LengthPenalty)
	}
	return Options{RepetitionPenalty: o.RepetitionPenalty, NoRepeat: o.NoRepeat}.Validate()
}

// Beam searches for the likeliest continuations of up to n tokens and returns o.Beams of
// them, best score first. At each step every beam is extended by every token and the best
// extensions are followed; those that end count among the results, as do beams that have no
// extension left. The search ends early when no beam can come to a better score than the
// results have (Hugging Face's early_stopping = False: by the score that the best beam has
// now). There may be fewer results than beams, but there is one.
func (g *Generator) Beam(ctx context.Context, prompt []int, n int, o BeamOptions) ([]Hypothesis, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if len(prompt) == 0 {
		return nil, errNoPrompt
	}
	s, err := g.open(o.Beams)
	if err != nil {
		return nil, err
	}
	b := beams{BeamOptions: o, prompt: len(prompt), candidates: g.candidates}
	windows := make([][]int, o.Beams)
	for i := range o.Beams {
		b.ids = append(b.ids, slices.Clone(prompt))
		b.sums = append(b.sums, math.Inf(-1)) // all are the same at first: follow one
		windows[i] = prompt[max(0, len(prompt)-g.context):]
	}
	b.sums[0] = 0
	logits, err := s.prefill(windows)
	for i := 0; i < n; i++ {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("generate: %w", err)
		}
		if err := checkNumbers(logits); err != nil {
			return nil, err
		}
		from := b.extend(logits)
		if b.finished(i + 1) {
			break
		}
		if i == n-1 {
			break
		}
		s.memory.Select(from, slices.Max(s.past)) // all beams are as long
		logits, err = s.next(b.ids)
	}
	for i, ids := range b.ids {
		b.add(ids, b.sums[i], Length)
	}
	return b.results, nil
}

// beams is the state of a search.
type beams struct {
	BeamOptions
	prompt     int
	candidates func(row []float32) []float32 // see Generator.Vocab
	ids        [][]int
	sums       []float64 // log-probabilities; −∞ of what only fills a place
	results    []Hypothesis
}

// extension is a beam with a token more.
type extension struct {
	beam, id int
	sum      float64
}

// extend replaces the beams by their best extensions that go on, moves those that end to the
// results, and returns the beam that each came from.
func (b *beams) extend(logits []float32) (from []int) {
	vocab := len(logits) / len(b.ids)
	var all []extension
	sampler := sampler{Options: Options{RepetitionPenalty: b.RepetitionPenalty, NoRepeat: b.NoRepeat}}
	// Each stop token takes a place of those that go on.
	most := min(b.Beams*(1+max(1, len(b.Stop))), vocab)
	scores := make([]float32, vocab)
	for i, ids := range b.ids {
		row := logits[i*vocab : (i+1)*vocab]
		kernel.LogSoftmax(scores, row, vocab)
		sampler.scaled = append(sampler.scaled[:0], b.candidates(scores)...)
		sampler.penalise(ids)
		kept := top(sampler.scaled, most)
		if len(kept) == 0 {
			b.add(ids, b.sums[i], NoCandidates)
		}
		for _, c := range kept {
			all = append(all, extension{i, c.ID, b.sums[i] + c.LogProb})
		}
	}
	slices.SortStableFunc(all, func(x, y extension) int { return cmp.Compare(y.sum, x.sum) })
	var ids [][]int
	var sums []float64
	for rank, e := range all {
		if len(ids) == b.Beams {
			break
		}
		next := append(slices.Clip(b.ids[e.beam]), e.id)
		if slices.Contains(b.Stop, e.id) {
			if rank < b.Beams { // a worse one would push out beams that go on better
				b.add(next, e.sum, StopToken)
			}
			continue
		}
		ids, sums, from = append(ids, next), append(sums, e.sum), append(from, e.beam)
	}
	for len(ids) < b.Beams { // fewer extensions than beams
		last := len(b.ids) - 1
		ids, sums, from = append(ids, append(slices.Clip(b.ids[last]), 0)), append(sums, math.Inf(-1)), append(from, last)
	}
	b.ids, b.sums = ids, sums
	return from
}

// add puts a continuation among the results, of which the best stay.
func (b *beams) add(ids []int, sum float64, why Finish) {
	if math.IsInf(sum, -1) {
		return
	}
	found := slices.Clone(ids[b.prompt:])
	h := Hypothesis{IDs: found, LogProb: sum, Score: b.score(sum, len(found)), Finish: why}
	i, _ := slices.BinarySearchFunc(b.results, h, func(x, y Hypothesis) int {
		if x.Score >= y.Score {
			return -1
		}
		return 1
	})
	b.results = slices.Insert(b.results, i, h)
	b.results = b.results[:min(len(b.results), b.Beams)]
}

func (b *beams) score(sum float64, length int) float64 {
	if length == 0 {
		return sum
	}
	return sum / math.Pow(float64(length), b.LengthPenalty)
}

// finished tells whether no beam, of so many tokens, can come to a better score than the
// worst of the results, or none goes on.
func (b *beams) finished(length int) bool {
	best := slices.Max(b.sums)
	return math.IsInf(best, -1) || len(b.results) == b.Beams && b.score(best, length) <= b.results[b.Beams-1].Score
}
