package ops

import (
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// RotaryOptions are the variants of [Rotary].
type RotaryOptions struct {
	// Theta is the base θ of the frequencies; 0 means 10,000.
	Theta float64
	// Frequencies, if not nil, replaces θ^(−2m/D): the angle, in radians, by which each pair is rotated from
	// one position to the next; a negative angle rotates the other way. If there are fewer than D/2, the
	// columns from 2·len(Frequencies) on are left unchanged. Theta, Columns and Scaling must then be zero.
	Frequencies []float64
	// Columns is the number of each head's columns, from the first, that are rotated, as if the head had no
	// others; 0 means all.
	Columns int
	// Scaling stretches the frequencies for longer texts.
	Scaling RotaryScaling
	// Interleaved pairs columns 2m and 2m+1, as GPT-J does, instead of m and m+D/2.
	Interleaved bool
	// Reversed rotates the other way, by −t·θ^(−2m/D), as nanochat does.
	Reversed bool
}

// frequencies returns those of heads of size columns, and the factor of the rotated columns.
func (o RotaryOptions) frequencies(size int) (all []float64, factor float64, err error) {
	if o.Frequencies != nil {
		switch n := len(o.Frequencies); {
		case o.Theta != 0 || o.Columns != 0 || o.Scaling != RotaryScaling{}:
			return nil, 0, fmt.Errorf("frequencies are given together with a base, columns or a scaling; want one or the other")
		case n == 0 || 2*n > size:
			return nil, 0, fmt.Errorf("%d frequencies for heads of %d columns; want 1 to %d", n, size, size/2)
		case slices.ContainsFunc(o.Frequencies, func(f float64) bool { return !isNumber(f) }):
			return nil, 0, fmt.Errorf("frequencies are %v, want numbers", o.Frequencies)
		}
		return o.Frequencies, 1, nil
	}
	theta, columns := o.Theta, o.Columns
	if theta == 0 {
		theta = 10000
	}
	if columns == 0 {
		columns = size
	}
	switch {
	case columns < 1 || columns > size:
		return nil, 0, fmt.Errorf("%d columns of heads of %d cannot be rotated", columns, size)
	case columns%2 != 0:
		return nil, 0, fmt.Errorf("%d columns cannot be rotated in pairs; want an even number", columns)
	case !(theta > 0) || math.IsInf(theta, 0) || theta == 1 && o.Scaling.Type == "yarn":
		return nil, 0, fmt.Errorf("a base of %v has no frequencies", theta)
	}
	if err := o.Scaling.check(); err != nil {
		return nil, 0, err
	}
	all = make([]float64, columns/2)
	for m := range all {
		all[m] = o.Scaling.frequency(math.Pow(theta, -2*float64(m)/float64(columns)), m, columns, theta)
		if !isNumber(all[m]) {
			return nil, 0, fmt.Errorf("a base of %v has no frequencies", theta)
		}
	}
	return all, o.Scaling.attention(), nil
}

// isNumber reports whether an angle is a finite number.
func isNumber(angle float64) bool { return !math.IsNaN(angle) && !math.IsInf(angle, 0) }

// Rotary encodes positions in the queries or keys x (B·T, H·D) (Su et al. 2021, RoFormer, §3.2): in each head,
// pair m of columns is rotated by t·θ^(−2m/D) at position t, so that the product of a query and a key depends
// on their distance. Pairs are the columns m and m+D/2, as in Hugging Face's Llama, unless o says otherwise. In
// an incremental graph, positions are counted from the past of each sequence.
func Rotary(s *graph.Scope, x *G.Node, heads int, o RotaryOptions) *G.Node {
	h := AllHeads(s, x, heads)
	batch, context, failed := sequences(s, "Rotary", h.In.Shape(), h.In)
	if failed != nil {
		return failed
	}
	frequencies, factor, err := o.frequencies(h.Size)
	if err != nil {
		return s.Fail("Rotary", h.In.Shape(), "%v; x is %v", err, h.In.Shape())
	}
	r := rotary{Turns: kernel.Turns{Size: h.Size, Pairs: len(frequencies), Interleaved: o.Interleaved}, batch: batch, context: context, positions: context}
	if m := s.Cache(); m != nil {
		r.positions = m.Capacity()
	}
	r.table = s.Constant(fmt.Sprint("rotary ", r.positions, frequencies, factor, o.Interleaved), func() []float32 { return r.Table(r.positions, frequencies, factor) })
	if o.Reversed {
		return r.turn(s, "Rotary", h.In, -1)
	}
	return r.turn(s, "Rotary", h.In, 1)
}

// rotary rotates heads by the angles in table.
type rotary struct {
	kernel.Turns
	batch, context, positions int
	table                     func() []float32
}

// turn declares the op called name over x; a sign of −1 rotates back, as the gradient does.
func (r rotary) turn(s *graph.Scope, name string, x *G.Node, sign float32) *G.Node {
	in, layout := some(x, s.Past()), s.Layout(x)
	return s.Apply(graph.Op{
		Name:    name,
		RowWise: 1,
		Out:     x.Shape(),
		Layout:  &layout,
		FLOPs:   3 * size(x.Shape()),
		Run: func(a *graph.Args) error {
			var past []int
			if len(in) > 1 {
				past = a.Ints(1)
			}
			if err := checkPast(past, r.context, r.positions); err != nil {
				return err
			}
			x, out, table, width := a.Floats(0), a.Out(0), r.table(), x.Shape()[1]
			a.For(r.batch*r.context, grain(width), func(lo, hi int) {
				for row := lo; row < hi; row++ {
					t := row % r.context
					if past != nil {
						t += past[row/r.context]
					}
					r.Row(out[row*width:][:width], x[row*width:], table, t, sign)
				}
			})
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{r.turn(s, name+"Grad", grad, -sign)} },
	}, in...)
}

// checkPast returns an error if a sequence has no room for the given number of fresh positions.
func checkPast(past []int, fresh, positions int) error {
	for b, p := range past {
		if p < 0 || p+fresh > positions {
			return fmt.Errorf("sequence %d has %d positions; %d more do not fit in %d", b, p, fresh, positions)
		}
	}
	return nil
}
