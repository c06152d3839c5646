package ops

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// RotaryOptions are the variants of [Rotary].
type RotaryOptions struct {
	// Theta is the base θ of the frequencies; 0 stands for 10,000.
	Theta float64
	// Frequencies, if given, stand in the place of θ^(−2m/D): the angle, in radians, by which
	// each pair is turned from one position to the next. Of fewer than D/2, the columns from
	// 2·len(Frequencies) on stay as they are.
	Frequencies []float64
}

// frequencies are those of heads of size columns.
func (o RotaryOptions) frequencies(size int) []float64 {
	if o.Frequencies != nil {
		return o.Frequencies
	}
	theta := o.Theta
	if theta == 0 {
		theta = 10000
	}
	all := make([]float64, size/2)
	for m := range all {
		all[m] = math.Pow(theta, -2*float64(m)/float64(size))
	}
	return all
}

// Rotary tells queries or keys x (B·T, H·D) their positions (Su et al. 2021, RoFormer, §3.2): in
// each head, pair m of columns is turned by t·θ^(−2m/D) at position t, so that the product of a
// query and a key depends on how far they are apart. Pairs are the columns m and m+D/2, as in Hugging
// Face's Llama. In an incremental graph, positions are counted from the past of each sequence.
func Rotary(s *graph.Scope, x *G.Node, heads int, o RotaryOptions) *G.Node {
	h := AllHeads(s, x, heads)
	batch, context, failed := sequences(s, "Rotary", h.In.Shape(), h.In)
	if failed != nil {
		return failed
	}
	frequencies := o.frequencies(h.Size)
	if n := len(frequencies); n == 0 || 2*n > h.Size || o.Frequencies == nil && h.Size%2 != 0 {
		return s.Fail("Rotary", h.In.Shape(), "heads of %d columns are not %d pairs; x is %v", h.Size, max(n, 1), h.In.Shape())
	}
	r := rotary{Heads: h, batch: batch, context: context, positions: context, pairs: len(frequencies)}
	if m := s.Cache(); m != nil {
		r.positions = m.Capacity()
	}
	r.table = s.Constant(fmt.Sprint("rotary ", r.positions, frequencies), func() []float32 { return turns(r.positions, frequencies) })
	return r.turn(s, "Rotary", h.In, 1)
}

// turns is, for each position, the cosines of the pairs' angles, and then the sines.
func turns(positions int, frequencies []float64) []float32 {
	n := len(frequencies)
	table := make([]float32, positions*2*n)
	for t := range positions {
		for m, f := range frequencies {
			sin, cos := math.Sincos(float64(t) * f)
			table[t*2*n+m], table[t*2*n+n+m] = float32(cos), float32(sin)
		}
	}
	return table
}

// rotary turns heads by the angles of table.
type rotary struct {
	Heads
	batch, context, positions, pairs int
	table                            func() []float32
}

// turn is the op called name over x; a sign of −1 turns back, as the gradient does.
func (r rotary) turn(s *graph.Scope, name string, x *G.Node, sign float32) *G.Node {
	in := some(x, s.Past())
	return s.Apply(graph.Op{
		Name:    name,
		RowWise: 1,
		Out:     x.Shape(),
		FLOPs:   3 * size(x.Shape()),
		Run: func(a *graph.Args) error {
			var past []int
			if len(in) > 1 {
				past = a.Ints(1)
			}
			if err := checkPast(past, r.context, r.positions); err != nil {
				return err
			}
			x, out, table, width := a.Floats(0), a.Out(0), r.table(), r.width()
			a.For(r.batch*r.context, grain(2*width), func(lo, hi int) {
				for row := lo; row < hi; row++ {
					t := row % r.context
					if past != nil {
						t += past[row/r.context]
					}
					r.row(out[row*width:][:width], x[row*width:], table[t*2*r.pairs:][:2*r.pairs], sign)
				}
			})
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{r.turn(s, name+"Grad", grad, -sign)} },
	}, in...)
}

// row turns the heads of one row.
func (r rotary) row(out, x, angles []float32, sign float32) {
	cos, sin := angles[:r.pairs], angles[r.pairs:]
	for at := 0; at < len(out); at += r.Size {
		out, x := out[at:at+r.Size], x[at:at+r.Size]
		for m, c := range cos {
			a, b, sine := x[m], x[m+r.pairs], sign*sin[m]
			out[m], out[m+r.pairs] = a*c-b*sine, b*c+a*sine
		}
		copy(out[2*r.pairs:], x[2*r.pairs:])
	}
}

// checkPast fails if a sequence has no room for so many fresh positions.
func checkPast(past []int, fresh, positions int) error {
	for b, p := range past {
		if p < 0 || p+fresh > positions {
			return fmt.Errorf("sequence %d has %d positions and gets %d; there are %d", b, p, fresh, positions)
		}
	}
	return nil
}
