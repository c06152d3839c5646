package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Activation is an element-wise function: [ops.GELU], [ops.GELUErf], [ops.ReLU], [ops.SiLU],
// [ops.QuickGELU], or one of your own.
type Activation func(s *graph.Scope, x *G.Node) *G.Node

// MLP is the feed-forward part of a block: c_fc widens x (N, C) to hidden columns,
// the activation follows, c_proj brings them back.
func MLP(s *graph.Scope, x *G.Node, hidden int, f Activation, w BranchWeights) *G.Node {
	x = s.Given("MLP", "x", x)
	if x.Dims() != 2 {
		return s.Fail("MLP", x.Shape(), "x is %v; want (N, C)", x.Shape())
	}
	if f == nil {
		return s.Fail("MLP", x.Shape(), "the activation is nil; want a function")
	}
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		h := Linear(s.At("c_fc"), x, hidden, w.inner())       // (N, hidden)
		h = s.At("act").Layer(h, h.Shape(), f)                // (N, hidden)
		return Linear(s.At("c_proj"), h, dim(x, 1), w.last()) // (N, C)
	})
}
