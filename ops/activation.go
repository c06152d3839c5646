package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// GELU is the Gaussian error linear unit in its tanh form (Hendrycks and Gimpel
// 2016, §2), as GPT-1 and GPT-2 compute it: ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
func GELU(s *graph.Scope, x *G.Node) *G.Node { return activate(s, "GELU", kernel.GELUTanh, 15, x) }

// GELUErf is the exact Gaussian error linear unit, x·Φ(x), as nanoGPT computes it.
func GELUErf(s *graph.Scope, x *G.Node) *G.Node { return activate(s, "GELUErf", kernel.GELUErf, 15, x) }

// ReLU is max(x, 0).
func ReLU(s *graph.Scope, x *G.Node) *G.Node { return activate(s, "ReLU", kernel.ReLU, 1, x) }

// SquaredReLU is max(x, 0)² (So et al. 2021, Primer), Nemotron's relu2.
func SquaredReLU(s *graph.Scope, x *G.Node) *G.Node {
	return activate(s, "SquaredReLU", kernel.SquaredReLU, 2, x)
}

func activate(s *graph.Scope, name string, f kernel.Activation, cost int64, x *G.Node) *G.Node {
	return elementwise(s, name, cost, x,
		func(out, x []float32) { kernel.Activate(f, out, x) },
		func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name:  name + "Grad",
				Out:   x.Shape(),
				FLOPs: 2 * cost * size(x.Shape()),
				Run: func(a *graph.Args) error {
					kernel.ActivateGrad(f, a.Out(0), a.Floats(0), a.Floats(1))
					return nil
				},
			}, in[0], grad)}
		})
}
