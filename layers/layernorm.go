package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// LayerNorm normalises the rows of x (N, C). It heeds Bias and Epsilon.
func LayerNorm(s *graph.Scope, x *G.Node, given ...Option) *G.Node {
	x = s.Given("LayerNorm", "x", x)
	o := resolve(given)
	if x.Dims() != 2 {
		return s.Fail("LayerNorm", x.Shape(), "x is %v; want (N, C)", x.Shape())
	}
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		width := dim(x, 1)
		gain := s.Param("weight", graph.Ones(), width)
		var bias *G.Node
		if o.bias {
			bias = s.Param("bias", graph.Zeros(), width)
		}
		return ops.LayerNorm(s, x, gain, bias, o.epsilon) // (N, C)
	})
}
