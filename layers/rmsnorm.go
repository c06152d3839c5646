package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// RMS holds the settings of [RMSNorm].
type RMS struct {
	Epsilon float64 // added to the mean square; 1e-5 if 0
	Columns int     // number of adjacent columns that are normalized together, such as those of a head; all if 0
	// NoGain omits the gain, as nanochat does. PlusOne uses a weight that starts from 0 and multiplies by 1 +
	// weight, as Gemma does. They exclude each other.
	NoGain, PlusOne bool
}

// RMSNorm divides the rows of x (N, C) by the root of their mean square and multiplies them by a gain, the
// parameter weight.
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
			return s.Fail("RMSNorm", x.Shape(), "NoGain and PlusOne are both set; want at most one")
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
