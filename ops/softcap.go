package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// SoftCap bounds the elements of x to ±limit, which must be above 0: limit·tanh(x/limit), as Gemma 2 does with
// its logits (30).
func SoftCap(s *graph.Scope, x *G.Node, limit float64) *G.Node {
	x = s.Require("SoftCap", "x", x)
	if !isCap(limit) {
		return s.Fail("SoftCap", x.Shape(), "a soft-cap of %v; want one above 0", limit)
	}
	most := float32(limit)
	return elementwise(s, "SoftCap", 10, x, func(out, x []float32) { kernel.SoftCap(out, x, most) }, func(_ G.Nodes, out, grad *G.Node) G.Nodes {
		return G.Nodes{s.Apply(graph.Op{
			Name:  "SoftCapGrad",
			Out:   x.Shape(),
			FLOPs: 5 * size(x.Shape()),
			Run: func(a *graph.Args) error {
				kernel.SoftCapGrad(a.Out(0), a.Floats(0), a.Floats(1), most)
				return nil
			},
		}, out, grad)}
	})
}
