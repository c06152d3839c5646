package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Norm are the settings of a layer norm. Their zero value is GPT-2's.
type Norm struct {
	Epsilon float64 // added to the variance; 1e-5 if 0
	NoBias  bool
}

// LayerNorm normalises the rows of x (N, C).
func LayerNorm(s *graph.Scope, x *G.Node, n Norm) *G.Node {
	x = s.Require("LayerNorm", "x", x)
	if x.Dims() != 2 {
		return s.Fail("LayerNorm", x.Shape(), "x is %v; want (N, C)", x.Shape())
	}
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		width := dim(x, 1)
		gain := s.Param("weight", graph.Ones(), width)
		var bias *G.Node
		if !n.NoBias {
			bias = s.Param("bias", graph.Zeros(), width)
		}
		return ops.LayerNorm(s, x, gain, bias, epsilon(n.Epsilon)) // (N, C)
	})
}

// epsilon is e, or what norms have if nothing is said.
func epsilon(e float64) float64 {
	if e == 0 {
		return 1e-5
	}
	return e
}
