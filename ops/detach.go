package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Detach returns x as a constant: no gradient flows through it to what x is computed from.
func Detach(s *graph.Scope, x *G.Node) *G.Node {
	x = s.Require("Detach", "x", x)
	return s.Apply(graph.Op{
		Name:     "Detach",
		RowWise:  1,
		Out:      x.Shape(),
		Detached: true,
		Run: func(a *graph.Args) error {
			copy(a.Out(0), a.Floats(0))
			return nil
		},
	}, x)
}
