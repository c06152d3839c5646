package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// RMS are the settings of [RMSNorm].
type RMS struct {
	Epsilon float64 // added to the mean square; 1e-5 if 0
	Columns int     // how many, side by side, are normed by themselves, as those of a head; all if 0
	// NoGain leaves the gain out, as nanochat does; PlusOne has a weight that starts from 0 and is multiplied as
	// 1 + weight, as Gemma does. Not both.
	NoGain, PlusOne bool
}

// RMSNorm divides the rows of x (N, C) by the root of their mean square, and multiplies by a gain,
// its weight.
func RMSNorm(s *graph.Scope, x *G.Node, n RMS) *G.Node {
	x = s.Require("RMSNorm", "x", x)
	if x.Dims() != 2 {
		return s.Fail("RMSNorm", x.Shape(), "x is %v; want (N, C)", x.Shape())
	}
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		columns := n.Columns
		if columns == 0 {
			columns = wholeDim(s, x)
		}
		switch {
		case n.NoGain && n.PlusOne:
			return s.Fail("RMSNorm", x.Shape(), "there is no gain, and 1 is added to it; want one of NoGain and PlusOne")
		case n.NoGain:
			return ops.RMSNormBare(s, x, columns, epsilon(n.Epsilon)) // (N, C)
		case n.PlusOne:
			gain := ops.PlusOne(s, s.Param("weight", graph.Zeros(), columns)) // (columns)
			return ops.RMSNorm(s, x, gain, epsilon(n.Epsilon))                // (N, C)
		}
		gain := s.Param("weight", graph.Ones(), columns)
		return ops.RMSNorm(s, x, gain, epsilon(n.Epsilon)) // (N, C)
	})
}
