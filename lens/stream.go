package lens

import (
	"context"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// reading is the stream of a text, with the states of all positions or some.
type reading struct {
	ids      []int
	from, to int         // the positions whose states are kept
	states   [][]float32 // of each place, (to−from, C)
	norms    [][]float64 // by place and position
	updates  [][]float64 // norms of the differences from the place before, by place and position

	scores []Score // of all positions, as last asked for
	top    int     // the number of candidates in scores
}

// read returns a reading of a text that has the states of at least the positions from ≤ t < to, and the norms of all.
func (r *Reader) read(ids []int, from, to int) (*reading, error) {
	for i, old := range r.readings {
		if slices.Equal(old.ids, ids) && old.from <= from && to <= old.to {
			r.readings = append(slices.Delete(r.readings, i, i+1), old)
			return old, nil
		}
	}
	p, nodes, err := r.streams.For(len(ids))
	if err != nil {
		return nil, err
	}
	if err := p.SetInts("tokens", padded(ids, r.rounded(len(ids))[0])); err != nil {
		return nil, err
	}
	if err := p.Run(); err != nil {
		return nil, err
	}
	width := nodes[0].Shape()[1]
	now := &reading{ids: slices.Clone(ids), from: from, to: to}
	if 4*len(nodes)*len(ids)*width <= keptBytes {
		now.from, now.to = 0, len(ids)
	}
	var before []float32
	for _, n := range nodes {
		x := p.Value(n)[:len(ids)*width]
		now.measure(x, before, width)
		now.states = append(now.states, slices.Clone(x[now.from*width:now.to*width]))
		before = x
	}
	if len(r.readings) == keptReadings {
		r.readings = slices.Delete(r.readings, 0, 1)
	}
	r.readings = append(r.readings, now)
	return now, nil
}

// measure adds the norms of a place's states x, and of their differences from the states of the place before.
func (v *reading) measure(x, before []float32, width int) {
	norms, updates := make([]float64, len(v.ids)), make([]float64, len(v.ids))
	difference := make([]float32, width)
	for t := range norms {
		row := x[t*width : (t+1)*width]
		norms[t] = math.Sqrt(kernel.SumSquares(row))
		copy(difference, row)
		if before != nil {
			kernel.Axpy(difference, -1, before[t*width:(t+1)*width])
		}
		updates[t] = math.Sqrt(kernel.SumSquares(difference))
	}
	v.norms, v.updates = append(v.norms, norms), append(v.updates, updates)
}

// Norms returns the Euclidean norms of the stream at each place and position, and those of its differences from the
// place before.
func (r *Reader) Norms(ctx context.Context, ids []int) (norms, updates [][]float64, err error) {
	if err := r.begin(ctx, ids); err != nil {
		return nil, nil, err
	}
	defer r.end()
	v, err := r.read(ids, len(ids)-1, len(ids))
	if err != nil {
		return nil, nil, err
	}
	return v.norms, v.updates, nil
}
