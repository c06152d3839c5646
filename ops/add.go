package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Add is a + b for tensors of the same shape, as in a residual connection.
func Add(s *graph.Scope, a, b *G.Node) *G.Node {
	return pairwise(s, "Add", a, b,
		func(v *graph.Args) { kernel.Add(v.Out(0), v.Floats(0), v.Floats(1)) },
		func(_ G.Nodes, grad *G.Node) G.Nodes { return G.Nodes{grad, grad} })
}

// pairwise declares an op on pairs of corresponding elements of a and b, tensors of the same shape.
func pairwise(s *graph.Scope, name string, a, b *G.Node, run func(v *graph.Args), gradient func(in G.Nodes, grad *G.Node) G.Nodes) *G.Node {
	a, b = s.Require(name, "a", a), s.Require(name, "b", b)
	if !a.Shape().Eq(b.Shape()) {
		return s.Fail(name, a.Shape(), "the shapes %v and %v differ", a.Shape(), b.Shape())
	}
	return s.Apply(graph.Op{
		Name:       name,
		RowWise:    2,
		Columnwise: true,
		Out:        a.Shape(),
		FLOPs:      size(a.Shape()),
		Run: func(v *graph.Args) error {
			run(v)
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes { return gradient(in, grad) },
	}, a, b)
}
