package lens

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// MostTop is the maximum number of candidates that are listed for a distribution, and MostScored the maximum number of
// distributions in one call of [Reader.Logits].
const (
	MostTop    = 100
	MostScored = 2048
)

// Score describes a predicted distribution over the vocabulary.
type Score struct {
	Entropy float64              // in nats
	Top     []generate.Candidate // the likeliest tokens, with their log-probabilities

	// Log-probability and rank of the token that follows in the text; NaN and 0 if none does.
	LogProb float64
	Rank    int // 1 is the likeliest
}

// Scores returns, for each position of a text, what the model predicts after it, with the top candidates. The result
// must not be modified.
func (r *Reader) Scores(ctx context.Context, ids []int, top int) ([]Score, error) {
	if top < 0 || top > MostTop {
		return nil, fmt.Errorf("lens: %d candidates; want 0 to %d", top, MostTop)
	}
	if err := r.begin(ctx, ids); err != nil {
		return nil, err
	}
	defer r.end()
	v, err := r.read(ids, 0, len(ids))
	if err != nil {
		return nil, err
	}
	if v.scores != nil && v.top == top {
		return v.scores, nil
	}
	scores := make([]Score, len(ids))
	err = r.logits(finalStates, v.states[len(v.states)-1], func(t int, row []float32) {
		scores[t] = ScoreOf(row, next(ids, t), top)
	})
	if err != nil {
		return nil, err
	}
	v.scores, v.top = scores, top
	return scores, nil
}

// next returns the token after position t, or −1.
func next(ids []int, t int) int {
	if t+1 < len(ids) {
		return ids[t+1]
	}
	return -1
}

// After calls f with the logits of the token after the last one. They are valid during the call.
func (r *Reader) After(ctx context.Context, ids []int, f func(logits []float32)) error {
	if err := r.begin(ctx, ids); err != nil {
		return err
	}
	defer r.end()
	at := len(ids) - 1
	v := r.longer(ids)
	if v == nil {
		var err error
		if v, err = r.read(ids, at, at+1); err != nil {
			return err
		}
	}
	width := r.width()
	state := v.states[len(v.states)-1][(at-v.from)*width:][:width]
	return r.logits(finalStates, state, func(_ int, row []float32) { f(row) })
}

// longer returns a kept reading of a text that begins with ids, or nil.
func (r *Reader) longer(ids []int) *reading {
	at := len(ids) - 1
	for _, v := range slices.Backward(r.readings) {
		if len(v.ids) >= len(ids) && slices.Equal(v.ids[:len(ids)], ids) && v.from <= at && at < v.to {
			return v
		}
	}
	return nil
}

// Logits is the logit lens: what the head predicts from the stream at every place, for the positions from ≤ t < to. The
// result has a row for each place, and in it a score for each position. Within blocks and between them, states go
// through whatever follows the last block, such as a norm, before the head.
func (r *Reader) Logits(ctx context.Context, ids []int, from, to, top int) ([][]Score, error) {
	switch {
	case from < 0 || to > len(ids) || from >= to:
		return nil, fmt.Errorf("lens: positions %d to %d of %d tokens", from, to, len(ids))
	case (to-from)*len(r.places) > MostScored:
		return nil, fmt.Errorf("lens: %d positions at %d places; want %d positions at most", to-from, len(r.places), MostScored/len(r.places))
	case top < 0 || top > MostTop:
		return nil, fmt.Errorf("lens: %d candidates; want 0 to %d", top, MostTop)
	}
	if err := r.begin(ctx, ids); err != nil {
		return nil, err
	}
	defer r.end()
	v, err := r.read(ids, from, to)
	if err != nil {
		return nil, err
	}
	width := r.width()
	rows := make([][]Score, len(r.places))
	for i, place := range r.places {
		whose := blockStates
		if i == len(r.places)-1 {
			whose = finalStates // also for a model without a final norm, whose last place is a block
		}
		rows[i] = make([]Score, to-from)
		states := v.states[i][(from-v.from)*width : (to-v.from)*width]
		if err := r.logits(whose, states, func(k int, row []float32) { rows[i][k] = ScoreOf(row, next(ids, from+k), top) }); err != nil {
			return nil, fmt.Errorf("%w (at %s)", err, place.Path)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return rows, nil
}

// ScoreOf returns the score of a row of logits; id is the token that follows, or −1.
func ScoreOf(row []float32, id, top int) Score {
	total := kernel.LogSumExp(row)
	s := Score{LogProb: math.NaN()}
	if math.IsNaN(total) || math.IsInf(total, 0) { // the logits are not finite numbers
		s.Entropy = math.NaN()
		return s
	}
	mean := 0.0
	best := make(lowest, 0, top+1)
	for k, z := range row {
		d := float64(z) - total
		if d > -30 { // the rest is negligible
			mean += d * math.Exp(d)
		}
		if top > 0 && (len(best) < top || d > best[0].LogProb) {
			heap.Push(&best, generate.Candidate{ID: k, LogProb: d})
			if len(best) > top {
				heap.Pop(&best)
			}
		}
	}
	s.Entropy = -mean
	slices.SortFunc(best, func(a, b generate.Candidate) int {
		if a.LogProb != b.LogProb {
			return map[bool]int{true: -1, false: 1}[a.LogProb > b.LogProb]
		}
		return a.ID - b.ID
	})
	s.Top = best
	if id >= 0 {
		s.LogProb, s.Rank = float64(row[id])-total, 1
		for _, z := range row {
			if z > row[id] {
				s.Rank++
			}
		}
	}
	return s
}

// lowest is a heap of candidates with the least likely at the top.
type lowest []generate.Candidate

func (h lowest) Len() int           { return len(h) }
func (h lowest) Less(i, j int) bool { return h[i].LogProb < h[j].LogProb }
func (h lowest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lowest) Push(x any)        { *h = append(*h, x.(generate.Candidate)) }
func (h *lowest) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
