package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Gate multiplies all of x by one learned number, factor (1), for example in a residual branch.
func Gate(s *graph.Scope, x, factor *G.Node) *G.Node {
	x, factor = s.Require("Gate", "x", x), s.Require("Gate", "factor", factor)
	if !isMatrix(x) || !isVector(factor, 1) {
		return s.Fail("Gate", x.Shape(), "x is %v, the factor %v; want (N, C) and (1)", x.Shape(), factor.Shape())
	}
	return s.Apply(graph.Op{
		Name:    "Gate",
		RowWise: 1,
		Out:     x.Shape(),
		FLOPs:   size(x.Shape()),
		Run: func(a *graph.Args) error {
			kernel.Scale(a.Out(0), a.Floats(0), a.Floats(1)[0])
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{Gate(s, grad, in[1]), s.Apply(graph.Op{
				Name:    "GateGradFactor",
				Out:     tensor.Shape{1},
				FLOPs:   2 * size(x.Shape()),
				Scratch: []tensor.Shape{{x.Shape()[0]}},
				Run: func(a *graph.Args) error {
					kernel.RowDots(a.Scratch(0), a.Floats(0), a.Floats(1))
					total := 0.0
					for _, v := range a.Scratch(0) {
						total += float64(v)
					}
					a.Out(0)[0] = float32(total)
					return nil
				},
			}, in[0], grad)}
		},
	}, x, factor)
}

// PlusOne adds 1 to each element, for weights that start from 0.
func PlusOne(s *graph.Scope, x *G.Node) *G.Node {
	return elementwise(s, "PlusOne", 1, x, func(out, x []float32) {
		for i, v := range x {
			out[i] = 1 + v
		}
	}, func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{grad} })
}
