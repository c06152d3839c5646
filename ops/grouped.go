package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// eachGroup calls f for each group with its rows, from lo up to but not including hi; a group may be empty.
func eachGroup(ends []float32, f func(group, lo, hi int)) {
	lo := 0
	for i, end := range ends {
		f(i, lo, int(end))
		lo = int(end)
	}
}

// groups is a product of rows with the matrices of their groups.
type groups struct {
	name           string
	trans          bool
	rows, from, to int
	w              tensor.Shape
}

// each returns the number of elements of one matrix, and flops the operations of a product.
func (g groups) each() int    { return g.from * g.to }
func (g groups) flops() int64 { return 2 * int64(g.rows) * int64(g.from) * int64(g.to) }

// grouped is product for weights (E, ·, ·) in a scope of groups, with a bias (E, M) or nil: each row of x is
// multiplied by the matrix of its group.
func grouped(s *graph.Scope, name string, x, w, bias *G.Node, trans bool) *G.Node {
	ends, how := s.Groups().Ends, graph.ByColumns
	if trans {
		how = graph.ByRows
	}
	g := groups{name, trans, dim(x, 0), dim(w, 1), dim(w, 2), w.Shape()}
	if trans {
		g.from, g.to = g.to, g.from
	}
	out := tensor.Shape{g.rows, g.to}
	if !isMatrix(x) || dim(x, 1) != g.from || dim(w, 0) != dim(ends, 0) || bias != nil && !bias.Shape().Eq(tensor.Shape{dim(w, 0), g.to}) {
		var biasShape any = "none"
		if bias != nil {
			biasShape = bias.Shape()
		}
		return s.Fail(name, out, "x is %v, w %v, the bias %v for %d groups; want (R, K), and a matrix as of all rows, and a bias, for each group", x.Shape(), w.Shape(), biasShape, dim(ends, 0))
	}
	axes := [2]int{1, 2}
	if trans {
		axes = [2]int{2, 1}
	}
	layout, summand, fault := splitProduct(s, x, w, bias, axes[0], axes[1])
	if fault != "" {
		return s.Fail(name, out, "%s", fault)
	}
	adds := bias != nil && (!summand || s.Ranks().Rank() == 0) // only one of the summands includes the bias
	y := s.Apply(graph.Op{
		Name:    name,
		RowWise: 2,
		Out:     out,
		FLOPs:   g.flops(),
		Reads:   []graph.Reading{0, 0, how},
		Layout:  &layout,
		Run:     func(a *graph.Args) error { return g.run(a, how, adds) },
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			grads := G.Nodes{g.gradX(s, in[1], in[2], grad), zerosLike(s, in[1]), g.gradW(s, in[0], in[1], grad)}
			if bias != nil {
				grads = append(grads, sumGroups(s, name+"GradBias", grad, in[1]))
			}
			return grads
		},
	}, some(x, ends, w, bias)...)
	if summand {
		return SumRanks(s, y)
	}
	return y
}

// run computes the product, and adds the biases if adds is set.
func (g groups) run(a *graph.Args, how graph.Reading, adds bool) error {
	x, ends, y := a.Floats(0), a.Floats(1), a.Out(0)
	var w, b []float32
	packed := a.Packed(2, how)
	if packed == nil {
		w = a.Floats(2)
	}
	if adds {
		b = a.Floats(3)
	}
	clearRest(y, ends, g.to)
	eachGroup(ends, func(e, lo, hi int) {
		if hi == lo {
			return
		}
		if packed != nil {
			part := packed.Part(e*g.to, g.to)
			a.GemmGroupPacked(hi-lo, x[lo*g.from:], &part, y[lo*g.to:])
		} else {
			a.GemmGroup(g.trans, hi-lo, g.to, g.from, x[lo*g.from:], w[e*g.each():][:g.each()], y[lo*g.to:])
		}
		if adds {
			kernel.AddRow(y[lo*g.to:], b[e*g.to:][:g.to], hi-lo)
		}
	})
	return nil
}

// gradX returns the gradient of the rows.
func (g groups) gradX(s *graph.Scope, ends, w, grad *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name:  g.name + "GradX",
		Out:   tensor.Shape{g.rows, g.from},
		FLOPs: g.flops(),
		Run: func(a *graph.Args) error {
			ends, w, dy, dx := a.Floats(0), a.Floats(1), a.Floats(2), a.Out(0)
			clearRest(dx, ends, g.from)
			eachGroup(ends, func(e, lo, hi int) {
				kernel.GemmLike(a.Precision(), hi-lo, false, !g.trans, hi-lo, g.from, g.to, 1, dy[lo*g.to:], g.to, w[e*g.each():], g.w[2], 0, dx[lo*g.from:], g.from)
			})
			return nil
		},
	}, ends, w, grad)
}

// gradW returns the gradient of the matrices, which is 0 for a group without rows.
func (g groups) gradW(s *graph.Scope, x, ends, grad *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name:        g.name + "GradW",
		Out:         g.w,
		FLOPs:       g.flops(),
		Accumulates: true,
		Run: func(a *graph.Args) error {
			dw, alpha, beta := a.Accumulate(0)
			if dw == nil {
				return nil
			}
			x, dy := a.Floats(0), a.Floats(2)
			eachGroup(a.Floats(1), func(e, lo, hi int) {
				left, right, m, n := x[lo*g.from:], dy[lo*g.to:], g.from, g.to
				if g.trans {
					left, right, m, n = right, left, n, m
				}
				kernel.GemmLike(a.Precision(), m, true, false, m, n, hi-lo, alpha, left, m, right, n, beta, dw[e*g.each():], n)
			})
			return nil
		},
	}, x, ends, grad)
}

// sumGroups declares the op called name, the sums (E, C) of the rows of x (R, C) in each group.
func sumGroups(s *graph.Scope, name string, x, ends *G.Node) *G.Node {
	width := x.Shape()[1]
	return s.Apply(graph.Op{
		Name:  name,
		Out:   tensor.Shape{dim(ends, 0), width},
		FLOPs: size(x.Shape()),
		Run: func(a *graph.Args) error {
			x, out := a.Floats(0), a.Out(0)
			eachGroup(a.Floats(1), func(e, lo, hi int) {
				kernel.SumRows(out[e*width:][:width], x[lo*width:], hi-lo)
			})
			return nil
		},
	}, x, ends)
}
