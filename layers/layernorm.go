package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Norm holds the settings of a layer norm. Its zero value is GPT-2's.
type Norm struct {
	Epsilon float64 // added to the variance; 1e-5 if 0
	NoBias  bool
}

// LayerNorm normalizes the rows of x (N, C).
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

// epsilon returns e, or the default of norms if e is 0.
func epsilon(e float64) float64 {
	if e == 0 {
		return 1e-5
	}
	return e
}
