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

// Validate tells which option is out of range.
func (o BeamOptions) Validate() error {
	if o.Beams < 1 {
		return fmt.Errorf("generate: %d beams, want 1 or more", o.Beams)
	}
	if math.IsNaN(o.LengthPenalty) || math.IsInf(o.LengthPenalty, 0) {
		return fmt.Errorf("generate: a length penalty of %v is not finite", o.LengthPenalty)
	}
	return Options{RepetitionPenalty: o.RepetitionPenalty, NoRepeat: o.NoRepeat}.Validate()
}

// search is the state of a search, for a job with a slot a beam.
type search struct {
	*job
	BeamOptions
	engine  *Engine
	prompt  int
	steps   int // that are left
	ids     [][]int
	sums    []float64   // log-probabilities; −∞ of what only fills a place
	logits  [][]float32 // of each beam
	arrived int         // so many of them
	found   []Hypothesis
}

// search returns the job for a search.
func (e *Engine) search(ctx context.Context, prompt []int, n int, o BeamOptions) (*search, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	switch {
	case len(prompt) == 0:
		return nil, errNoPrompt
	case o.Beams > e.config.Slots:
		return nil, fmt.Errorf("generate: %d beams; there are %d slots", o.Beams, e.config.Slots)
	}
	o.Stop = slices.Clone(o.Stop) // a search may end later than its caller
	b := &search{BeamOptions: o, engine: e, prompt: len(prompt), steps: n, logits: make([][]float32, o.Beams)}
	b.job = newJob(ctx, o.Beams, prompt, b.take)
	for _, s := range b.slots {
		b.ids = append(b.ids, s.ids)
		b.sums = append(b.sums, math.Inf(-1)) // all are the same at first: follow one
	}
	b.sums[0] = 0
	if n < 1 {
		b.finish()
	}
	return b, nil
}

// take keeps the logits after a beam, and goes on when those of all are there.
func (b *search) take(s *slot, row []float32) {
	b.logits[s.beam] = append(b.logits[s.beam][:0], row...)
	if b.arrived++; b.arrived < b.Beams {
		return
	}
	b.arrived = 0
	from := b.extend()
	if b.steps--; b.steps == 0 || b.finished() {
		b.finish()
		return
	}
	order := make([]int, len(b.engine.slots))
	for i := range order {
		order[i] = i
	}
	for i, s := range b.slots {
		order[s.place] = b.slots[from[i]].place
		s.ids, s.todo = b.ids[i], 1
	}
	b.engine.runner.cache.Select(order, s.past) // all beams are as long
}

// finish ends the search with the beams that it has.
func (b *search) finish() {
	for i, ids := range b.ids {
		b.add(ids, b.sums[i], Length)
	}
	b.end(nil)
}

// extension is a beam with a token more.
type extension struct {
	beam, id int
	sum      float64
}

// extend replaces the beams by their best extensions that go on, moves those that end to the
// results, and returns the beam that each came from.
func (b *search) extend() (from []int) {
	vocab := len(b.logits[0])
	var all []extension
	sampler := sampler{Options: Options{RepetitionPenalty: b.RepetitionPenalty, NoRepeat: b.NoRepeat}}
	// Each stop token takes a place of those that go on.
	most := min(b.Beams*(1+max(1, len(b.Stop))), vocab)
	scores := make([]float32, vocab)
	for i, ids := range b.ids {
		kernel.LogSoftmax(scores, b.logits[i], vocab)
		sampler.scaled = append(sampler.scaled[:0], b.engine.tokens(scores)...)
		sampler.penalize(ids)
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
func (b *search) add(ids []int, sum float64, why Finish) {
	if math.IsInf(sum, -1) {
		return
	}
	found := slices.Clone(ids[b.prompt:])
	h := Hypothesis{IDs: found, LogProb: sum, Score: b.score(sum, len(found)), Finish: why}
	i, _ := slices.BinarySearchFunc(b.found, h, func(x, y Hypothesis) int {
		if x.Score >= y.Score {
			return -1
		}
		return 1
	})
	b.found = slices.Insert(b.found, i, h)
	b.found = b.found[:min(len(b.found), b.Beams)]
}

func (b *search) score(sum float64, length int) float64 {
	if length == 0 {
		return sum
	}
	return sum / math.Pow(float64(length), b.LengthPenalty)
}

// finished tells whether no beam can come to a better score than the worst of the results, or
// none goes on.
func (b *search) finished() bool {
	best, length := slices.Max(b.sums), len(b.ids[0])-b.prompt
	return math.IsInf(best, -1) || len(b.found) == b.Beams && b.score(best, length) <= b.found[b.Beams-1].Score
}
