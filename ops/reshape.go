package ops

import (
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// Reshape returns the elements of x, in order, in another shape. Unlike Gorgonia's Reshape, whose result shares
// memory with its input, it copies.
func Reshape(s *graph.Scope, x *G.Node, shape ...int) *G.Node {
	x = s.Require("Reshape", "x", x)
	to := tensor.Shape(shape)
	if x.Dtype() != tensor.Float32 || len(shape) == 0 || slices.Min(shape) < 1 || to.TotalSize() != x.Shape().TotalSize() {
		return s.Fail("Reshape", to, "x is %v; %v has a different number of elements", x.Shape(), to)
	}
	return s.Node(G.Reshape(x, to.Clone()))
}
