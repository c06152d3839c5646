package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// eachGroup calls f for each group with its rows, from lo to before hi; a group may have none.
func eachGroup(ends []float32, f func(group, lo, hi int)) {
	lo := 0
	for i, end := range ends {
		f(i, lo, int(end))
		lo = int(end)
	}
}

// grouped is product for weights (E, ·, ·) in a scope of groups, and a bias (E, M) or nil: each row of x by the
// matrix of its group.
func grouped(s *graph.Scope, name string, x, w, bias *G.Node, trans bool) *G.Node {
	ends, rows := s.Groups().Ends, dim(x, 0)
	from, to := dim(w, 1), dim(w, 2)
	if trans {
		from, to = to, from
	}
	out := tensor.Shape{rows, to}
	if !isMatrix(x) || dim(x, 1) != from || dim(w, 0) != dim(ends, 0) || bias != nil && !bias.Shape().Eq(tensor.Shape{dim(w, 0), to}) {
		var biasShape any = "none"
		if bias != nil {
			biasShape = bias.Shape()
		}
		return s.Fail(name, out, "x is %v, w %v, the bias %v for %d groups; want (R, K), and a matrix as of all rows, and a bias, for each group", x.Shape(), w.Shape(), biasShape, dim(ends, 0))
	}
	products, each, ldw := 2*int64(rows)*int64(from)*int64(to), from*to, dim(w, 2)
	return s.Apply(graph.Op{
		Name:    name,
		RowWise: 2,
		Out:     out,
		FLOPs:   products,
		Run: func(a *graph.Args) error {
			x, y := a.Floats(0), a.Out(0)
			clearRest(y, a.Floats(1), to)
			eachGroup(a.Floats(1), func(e, lo, hi int) {
				if hi == lo {
					return
				}
				if blocks, scales := a.Packed(2, e*each); blocks != nil && trans {
					a.GemmGroupPacked(hi-lo, to, from, x[lo*from:], blocks, scales, y[lo*to:])
				} else {
					a.GemmGroup(trans, hi-lo, to, from, x[lo*from:], a.Floats(2)[e*each:][:each], y[lo*to:])
				}
				if bias != nil {
					kernel.AddRow(y[lo*to:], a.Floats(3)[e*to:][:to], hi-lo)
				}
			})
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			dx := s.Apply(graph.Op{
				Name:  name + "GradX",
				Out:   x.Shape(),
				FLOPs: products,
				Run: func(a *graph.Args) error {
					w, dy, dx := a.Floats(1), a.Floats(2), a.Out(0)
					clearRest(dx, a.Floats(0), from)
					eachGroup(a.Floats(0), func(e, lo, hi int) {
						kernel.Gemm(false, !trans, hi-lo, from, to, 1, dy[lo*to:], to, w[e*each:], ldw, 0, dx[lo*from:], from)
					})
					return nil
				},
			}, in[1], in[2], grad)
			dw := s.Apply(graph.Op{
				Name:        name + "GradW",
				Out:         w.Shape(),
				FLOPs:       products,
				Accumulates: true,
				Run: func(a *graph.Args) error {
					dw, alpha, beta := a.Accumulate(0)
					if dw == nil {
						return nil
					}
					eachGroup(a.Floats(1), func(e, lo, hi int) {
						x, dy, dw := a.Floats(0)[lo*from:], a.Floats(2)[lo*to:], dw[e*each:]
						if trans {
							kernel.Gemm(true, false, to, from, hi-lo, alpha, dy, to, x, from, beta, dw, ldw)
						} else {
							kernel.Gemm(true, false, from, to, hi-lo, alpha, x, from, dy, to, beta, dw, ldw)
						}
					})
					return nil
				},
			}, in[0], in[1], grad)
			grads := G.Nodes{dx, zerosLike(s, in[1]), dw}
			if bias != nil {
				grads = append(grads, sumGroups(s, name+"GradBias", grad, in[1]))
			}
			return grads
		},
	}, some(x, ends, w, bias)...)
}

// sumGroups is the op called name: of x (R, C) the sum of the rows of each group (E, C).
func sumGroups(s *graph.Scope, name string, x, ends *G.Node) *G.Node {
	width := x.Shape()[1]
	return s.Apply(graph.Op{
		Name:  name,
		Out:   tensor.Shape{dim(ends, 0), width},
		FLOPs: size(x.Shape()),
		Run: func(a *graph.Args) error {
			eachGroup(a.Floats(1), func(e, lo, hi int) {
				kernel.SumRows(a.Out(0)[e*width:][:width], a.Floats(0)[lo*width:], hi-lo)
			})
			return nil
		},
	}, x, ends)
}
