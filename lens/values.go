package lens

import (
	"context"
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models"
)

// MostValued is the length of the longest text for [Reader.Values], and Bins the number of bins of a [Histogram].
const (
	MostValued = 256
	Bins       = 40
)

// Histogram describes the distribution of the numbers in a tensor.
type Histogram struct {
	Min, Max, Mean, Std float64 // of the finite numbers
	Zeros               int     // how many are 0
	NotFinite           int     // how many are NaN or infinite
	Counts              [Bins]int
}

// Spread returns the histogram of x, with bins of equal width from the minimum to the maximum.
func Spread(x []float32) Histogram {
	h := Histogram{Min: math.Inf(1), Max: math.Inf(-1)}
	var sum, squares float64
	for _, v := range x {
		v := float64(v)
		if v-v != 0 {
			h.NotFinite++
			continue
		}
		if v == 0 {
			h.Zeros++
		}
		h.Min, h.Max = min(h.Min, v), max(h.Max, v)
		sum += v
		squares += v * v
	}
	n := float64(len(x) - h.NotFinite)
	if n == 0 {
		h.Min, h.Max = 0, 0
		return h
	}
	h.Mean = sum / n
	h.Std = math.Sqrt(max(squares/n-h.Mean*h.Mean, 0))
	scale := 0.0
	if h.Max > h.Min {
		scale = Bins / (h.Max - h.Min)
	}
	for _, v := range x {
		if v-v == 0 {
			h.Counts[min(int((float64(v)-h.Min)*scale), Bins-1)]++
		}
	}
	return h
}

// Declare declares the graph that [Reader.Values] refers to: that of the logits over one sequence.
func (r *Reader) Declare(tokens int) (*graph.Scope, error) {
	if limit := min(r.Limit(), MostValued); tokens < 1 || tokens > limit {
		return nil, fmt.Errorf("lens: a graph over %s; want 1 to %d", plural.Of(tokens, "token"), limit)
	}
	s := graph.New(r.params)
	models.Logits(r.model, s, s.Ints("tokens", 1, tokens))
	return s, s.Check()
}

// buildGraph compiles the whole model over one sequence.
func (r *Reader) buildGraph(shape ...int) (*graph.Program, none, error) {
	s := graph.New(r.params)
	p, err := s.Compile(models.Logits(r.model, s, s.Ints("tokens", 1, shape[0])))
	return p, none{}, err
}

// Values returns the histogram of every value that the model's ops compute for a text, except for Gorgonia's own ops, by
// the IDs of the nodes of [Reader.Declare]. The values are read during the run, one after the other, and take no more
// memory than the run does.
func (r *Reader) Values(ctx context.Context, ids []int) (map[int]Histogram, error) {
	if len(ids) > MostValued {
		return nil, fmt.Errorf("lens: the values of %s; want %d at most", plural.Of(len(ids), "token"), MostValued)
	}
	if err := r.begin(ctx, ids); err != nil {
		return nil, err
	}
	defer r.end()
	p, _, err := r.graphs.For(len(ids))
	if err != nil {
		return nil, err
	}
	if err := p.SetInts("tokens", ids); err != nil {
		return nil, err
	}
	all := make(map[int]Histogram)
	return all, p.Visit(func(id int, value []float32) { all[id] = Spread(value) })
}
