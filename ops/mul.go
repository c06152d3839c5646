package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Mul is the element-wise product of a and b, tensors of the same shape, as in a gated layer.
func Mul(s *graph.Scope, a, b *G.Node) *G.Node {
	return pairwise(s, "Mul", a, b,
		func(v *graph.Args) { kernel.Mul(v.Out(0), v.Floats(0), v.Floats(1)) },
		func(in G.Nodes, grad *G.Node) G.Nodes { return G.Nodes{Mul(s, grad, in[1]), Mul(s, grad, in[0])} })
}
