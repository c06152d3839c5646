package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Mul is the product of the elements of a and b, tensors of one shape, as in a gated layer.
func Mul(s *graph.Scope, a, b *G.Node) *G.Node {
	a, b = s.Require("Mul", "a", a), s.Require("Mul", "b", b)
	if !a.Shape().Eq(b.Shape()) {
		return s.Fail("Mul", a.Shape(), "the shapes %v and %v differ", a.Shape(), b.Shape())
	}
	return s.Apply(graph.Op{
		Name:    "Mul",
		RowWise: 2,
		Out:     a.Shape(),
		FLOPs:   size(a.Shape()),
		Run: func(v *graph.Args) error {
			out, a, b := v.Out(0), v.Floats(0), v.Floats(1)
			v.For(len(out), grain(1), func(lo, hi int) {
				for i := lo; i < hi; i++ {
					out[i] = a[i] * b[i]
				}
			})
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{Mul(s, grad, in[1]), Mul(s, grad, in[0])}
		},
	}, a, b)
}
