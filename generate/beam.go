package generate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// BeamOptions are the options of a beam search.
type BeamOptions struct {
	// Beams is the number of continuations that are followed at once.
	Beams int
	// LengthPenalty is the exponent of the length by which a continuation's log-probability is
	// divided. Among continuations that end with a stop token, it favors long ones if above 0 and
	// short ones if below 0.
	LengthPenalty float64
	// LengthOffset k replaces the length by (k + length)/(k + 1). 0 gives Hugging Face's formula, 5 that of
	// Wu et al. (2016, eq. 14), which T5's and GPT-3's papers follow, with a power of 0.6.
	LengthOffset float64
	// Stop are tokens that end a continuation.
	Stop []int
	// Ends, if set, reports whether a continuation ends with its last token, as it does with one of
	// Stop: because of its text, for example. It is asked only about continuations that have not ended
	// before. An error ends the search.
	Ends func(ids []int) (bool, error)
	// RepetitionPenalty and NoRepeat are as in [Options].
	RepetitionPenalty float64
	NoRepeat          int
}

// Hypothesis is a continuation that a beam search found.
type Hypothesis struct {
	IDs     []int   // the tokens after the prompt, a stop token included; empty if none can follow
	LogProb float64 // natural logarithm of its probability
	Score   float64 // LogProb / length^LengthPenalty; see LengthOffset
	Finish  Finish  // why it ended
}

// Validate returns an error if an option is out of range.
func (o BeamOptions) Validate() error {
	if o.Beams < 1 {
		return fmt.Errorf("generate: %d beams, want 1 or more", o.Beams)
	}
	if math.IsNaN(o.LengthPenalty) || math.IsInf(o.LengthPenalty, 0) {
		return fmt.Errorf("generate: a length penalty of %v is not finite", o.LengthPenalty)
	}
	if !(o.LengthOffset >= 0) || math.IsInf(o.LengthOffset, 0) {
		return fmt.Errorf("generate: a length offset of %v; want 0 or more", o.LengthOffset)
	}
	return Options{RepetitionPenalty: o.RepetitionPenalty, NoRepeat: o.NoRepeat}.Validate()
}

// search is the state of a beam search. Its job has a slot for each beam.
type search struct {
	*job
	BeamOptions
	engine  *Engine
	prompt  int // its length
	steps   int // how many are left
	ids     [][]int
	sums    []float64   // log-probabilities of the beams; −∞ for one that only fills a slot
	logits  [][]float32 // of each beam
	arrived int         // how many beams have new logits
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
	o.Stop = slices.Clone(o.Stop) // the search may outlast the call
	b := &search{BeamOptions: o, engine: e, prompt: len(prompt), steps: n, logits: make([][]float32, o.Beams)}
	b.job = newJob(ctx, o.Beams, prompt, b.take)
	for _, s := range b.slots {
		s.trail.ended = true // a beam may continue another, which the trail does not follow
		b.ids = append(b.ids, s.ids)
		b.sums = append(b.sums, math.Inf(-1)) // all beams are the same at first: follow only one
	}
	b.sums[0] = 0
	if n < 1 {
		b.finish()
	}
	return b, nil
}

// take stores the logits after a beam, and takes a step of the search once all beams have theirs.
func (b *search) take(s *slot, row []float32) {
	b.logits[s.beam] = append(b.logits[s.beam][:0], row...)
	if b.arrived++; b.arrived < b.Beams {
		return
	}
	b.arrived = 0
	from, err := b.extend()
	if err != nil {
		b.end(err)
		return
	}
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
	b.engine.runner.cache.Select(order, s.past) // all beams are equally long
}

// finish ends the search; the beams that it still follows count as results.
func (b *search) finish() {
	for i, ids := range b.ids {
		b.add(ids, b.sums[i], Length)
	}
	b.end(nil)
}

// extension is a beam with one more token.
type extension struct {
	beam, id int
	sum      float64
	ends     bool
}

// extend replaces the beams by their best extensions that have not ended, adds those that have to the
// results, and returns the beam that each new one came from.
func (b *search) extend() (from []int, err error) {
	var all []extension
	for i, ids := range b.ids {
		of, err := b.extensions(i)
		if err != nil {
			return nil, err
		}
		if len(of) == 0 {
			b.add(ids, b.sums[i], NoCandidates)
		}
		all = append(all, of...)
	}
	slices.SortStableFunc(all, func(x, y extension) int { return cmp.Compare(y.sum, x.sum) })
	var ids [][]int
	var sums []float64
	for rank, e := range all {
		if len(ids) == b.Beams {
			break
		}
		next := append(slices.Clip(b.ids[e.beam]), e.id)
		if e.ends {
			if rank < b.Beams { // a lower-ranked one could crowd out better continuations
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
	return from, nil
}

// extensions returns the best extensions of a beam, best first: enough that as many of them have not
// ended as there are beams, if there are that many, and those that end among them.
func (b *search) extensions(beam int) ([]extension, error) {
	ids, vocab := b.ids[beam], len(b.logits[beam])
	sampler := sampler{Options: Options{RepetitionPenalty: b.RepetitionPenalty, NoRepeat: b.NoRepeat}}
	scores := make([]float32, vocab)
	kernel.LogSoftmax(scores, b.logits[beam], vocab)
	sampler.scaled = append(sampler.scaled, b.engine.tokens(scores)...)
	sampler.penalize(ids)
	// Each stop token may displace an extension that has not ended.
	for most := min(b.Beams*(1+max(1, len(b.Stop))), vocab); ; most = min(2*most, vocab) {
		kept := top(sampler.scaled, most)
		all, on := make([]extension, len(kept)), 0
		for i, c := range kept {
			ends, err := b.ends(ids, c.ID)
			if err != nil {
				return nil, err
			}
			if !ends {
				on++
			}
			all[i] = extension{beam, c.ID, b.sums[beam] + c.LogProb, ends}
		}
		if on >= b.Beams || len(kept) < most || most == vocab {
			return all, nil
		}
	}
}

// ends reports whether a beam ends with a token.
func (b *search) ends(ids []int, id int) (bool, error) {
	if b.Ends == nil || slices.Contains(b.Stop, id) {
		return slices.Contains(b.Stop, id), nil
	}
	return b.Ends(append(slices.Clone(ids[b.prompt:]), id))
}

// add inserts a continuation into the results, of which only the best are kept.
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
	return sum / math.Pow((b.LengthOffset+float64(length))/(b.LengthOffset+1), b.LengthPenalty)
}

// finished reports whether no beam is left, or whether the results are full and the best beam's score
// at its present length is no better than the worst result's.
func (b *search) finished() bool {
	best, length := slices.Max(b.sums), len(b.ids[0])-b.prompt
	return math.IsInf(best, -1) || len(b.found) == b.Beams && b.score(best, length) <= b.found[b.Beams-1].Score
}
