package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// RMSNorm divides the rows of x (N, C) by the root of their mean square, to which epsilon is
// added inside the root, and multiplies by gain (C) (Zhang and Sennrich 2019). A gain (D) of fewer
// columns, which divide C, norms each D columns by themselves, as those of a head.
func RMSNorm(s *graph.Scope, x, gain *G.Node, epsilon float64) *G.Node {
	x, gain = s.Require("RMSNorm", "x", x), s.Require("RMSNorm", "gain", gain)
	width := dim(gain, 0)
	if !isMatrix(x) || !isVector(gain, width) || x.Shape()[1]%width != 0 {
		return s.Fail("RMSNorm", x.Shape(), "x is %v, gain %v; want (N, C), and (C) or a part of it for the gain", x.Shape(), gain.Shape())
	}
	return s.Apply(graph.Op{
		Name:    "RMSNorm",
		RowWise: 1,
		Out:     x.Shape(),
		FLOPs:   5 * size(x.Shape()),
		Saves:   []tensor.Shape{{x.Shape().TotalSize() / width}}, // each reciprocal root
		Run: func(a *graph.Args) error {
			kernel.RMSNorm(a.Out(0), a.Floats(0), a.Floats(1), a.Save(0), epsilon)
			return nil
		},
		Grad: func(in G.Nodes, out, grad *G.Node) G.Nodes {
			return G.Nodes{
				s.Apply(graph.Op{
					Name:  "RMSNormGrad",
					Of:    out,
					Out:   x.Shape(),
					FLOPs: 8 * size(x.Shape()),
					Run: func(a *graph.Args) error {
						kernel.RMSNormGrad(a.Out(0), a.Floats(2), a.Floats(0), a.Floats(1), a.Saved(0))
						return nil
					},
				}, in[0], in[1], grad),
				s.Apply(graph.Op{
					Name:  "RMSNormGradGain",
					Of:    out,
					Out:   gain.Shape(),
					FLOPs: 3 * size(x.Shape()),
					Run: func(a *graph.Args) error {
						kernel.RMSNormGradGain(a.Out(0), a.Floats(1), a.Floats(0), a.Saved(0))
						return nil
					},
				}, in[0], grad),
			}
		},
	}, x, gain)
}
