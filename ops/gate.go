package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// Gate multiplies all of x by one learned number, factor (1), as of a residual branch.
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
			x, out, factor := a.Floats(0), a.Out(0), a.Floats(1)[0]
			a.For(len(out), grain(1), func(lo, hi int) {
				for i := lo; i < hi; i++ {
					out[i] = factor * x[i]
				}
			})
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			rows, width := x.Shape()[0], x.Shape()[1]
			return G.Nodes{Gate(s, grad, in[1]), s.Apply(graph.Op{
				Name:    "GateGradFactor",
				Out:     tensor.Shape{1},
				FLOPs:   2 * size(x.Shape()),
				Scratch: []tensor.Shape{{rows}},
				Run: func(a *graph.Args) error {
					x, dy, sums := a.Floats(0), a.Floats(1), a.Scratch(0)
					a.For(rows, grain(width), func(lo, hi int) {
						for r := lo; r < hi; r++ {
							sum := 0.0
							for i, v := range x[r*width:][:width] {
								sum += float64(v) * float64(dy[r*width+i])
							}
							sums[r] = float32(sum)
						}
					})
					total := 0.0
					for _, v := range sums {
						total += float64(v)
					}
					a.Out(0)[0] = float32(total)
					return nil
				},
			}, in[0], grad)}
		},
	}, x, factor)
}

// PlusOne adds 1 to each element, as of a weight that starts from 0.
func PlusOne(s *graph.Scope, x *G.Node) *G.Node {
	return elementwise(s, "PlusOne", 1, x, func(out, x []float32) {
		for i, v := range x {
			out[i] = 1 + v
		}
	}, func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{grad} })
}
