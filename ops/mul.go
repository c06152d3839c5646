package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Mul is the product of the elements of a and b, tensors of one shape, as in a gated layer.
func Mul(s *graph.Scope, a, b *G.Node) *G.Node {
	return pairwise(s, "Mul", a, b,
		func(v *graph.Args) {
			out, a, b := v.Out(0), v.Floats(0), v.Floats(1)
			v.For(len(out), grain(1), func(lo, hi int) {
				for i := lo; i < hi; i++ {
					out[i] = a[i] * b[i]
				}
			})
		},
		func(in G.Nodes, grad *G.Node) G.Nodes { return G.Nodes{Mul(s, grad, in[1]), Mul(s, grad, in[0])} })
}
