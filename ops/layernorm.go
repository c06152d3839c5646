package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// LayerNorm normalizes every row of x (N, C) to mean 0 and variance 1, multiplies by gain (C) and adds bias
// (C), which may be nil (Ba, Kiros and Hinton 2016). The variance is over C, without correction; epsilon is
// added to it inside the root.
func LayerNorm(s *graph.Scope, x, gain, bias *G.Node, epsilon float64) *G.Node {
	x, gain = s.Require("LayerNorm", "x", x), s.Require("LayerNorm", "gain", gain)
	if !isMatrix(x) || !isVector(gain, x.Shape()[1]) || !isVector(bias, x.Shape()[1]) {
		return s.Fail("LayerNorm", x.Shape(), "x is %v, gain %v; want (N, C), and (C) for gain and bias", x.Shape(), gain.Shape())
	}
	rows, width := x.Shape()[0], x.Shape()[1]
	return s.Apply(graph.Op{
		Name:    "LayerNorm",
		RowWise: 1,
		Out:     x.Shape(),
		FLOPs:   8 * size(x.Shape()),
		Saves:   []tensor.Shape{{rows}, {rows}}, // each row's mean and reciprocal deviation
		Run: func(a *graph.Args) error {
			var b []float32
			if bias != nil {
				b = a.Floats(2)
			}
			kernel.LayerNorm(a.Out(0), a.Floats(0), a.Floats(1), b, a.Save(0), a.Save(1), epsilon)
			return nil
		},
		Grad: func(in G.Nodes, out, grad *G.Node) G.Nodes {
			dx := s.Apply(graph.Op{
				Name:  "LayerNormGrad",
				Of:    out,
				Out:   x.Shape(),
				FLOPs: 10 * size(x.Shape()),
				Run: func(a *graph.Args) error {
					kernel.LayerNormGrad(a.Out(0), a.Floats(2), a.Floats(0), a.Floats(1), a.Saved(0), a.Saved(1))
					return nil
				},
			}, in[0], in[1], grad)
			params := graph.Op{
				Name:  "LayerNormGradParams",
				Of:    out,
				Out:   tensor.Shape{width},
				FLOPs: 5 * size(x.Shape()),
				Run: func(a *graph.Args) error {
					var db []float32
					if bias != nil {
						db = a.Out(1)
					}
					kernel.LayerNormGradParams(a.Out(0), db, a.Floats(1), a.Floats(0), a.Saved(0), a.Saved(1))
					return nil
				},
			}
			if bias != nil {
				params.Extra = []tensor.Shape{{width}}
			}
			return append(G.Nodes{dx}, s.ApplyAll(params, in[0], grad)...)
		},
	}, some(x, gain, bias)...)
}
