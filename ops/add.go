package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Add is a + b for tensors of one shape, as in a residual connection.
func Add(s *graph.Scope, a, b *G.Node) *G.Node {
	a, b = s.Require("Add", "a", a), s.Require("Add", "b", b)
	if !a.Shape().Eq(b.Shape()) {
		return s.Fail("Add", a.Shape(), "the shapes %v and %v differ", a.Shape(), b.Shape())
	}
	return s.Apply(graph.Op{
		Name:    "Add",
		RowWise: 2,
		Out:     a.Shape(),
		FLOPs:   size(a.Shape()),
		Run: func(v *graph.Args) error {
			kernel.Add(v.Out(0), v.Floats(0), v.Floats(1))
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{grad, grad} },
	}, a, b)
}
