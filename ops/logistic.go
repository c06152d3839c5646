package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// SiLU is the sigmoid linear unit x·σ(x) (Elfwing et al. 2017), also called swish.
func SiLU(s *graph.Scope, x *G.Node) *G.Node { return activate(s, "SiLU", kernel.SiLU, 10, x) }

// QuickGELU is x·σ(1.702x), the quick approximation of [GELU] (Hendrycks and Gimpel 2016, §2).
func QuickGELU(s *graph.Scope, x *G.Node) *G.Node {
	return activate(s, "QuickGELU", kernel.QuickGELU, 10, x)
}

// Sigmoid is the logistic function σ(x) = 1/(1 + e^(−x)).
func Sigmoid(s *graph.Scope, x *G.Node) *G.Node {
	return elementwise(s, "Sigmoid", 5, x, kernel.Sigmoid, func(_ G.Nodes, out, grad *G.Node) G.Nodes {
		return G.Nodes{s.Apply(graph.Op{
			Name:  "SigmoidGrad",
			Out:   x.Shape(),
			FLOPs: 3 * size(x.Shape()),
			Run: func(a *graph.Args) error {
				kernel.SigmoidGrad(a.Out(0), a.Floats(0), a.Floats(1))
				return nil
			},
		}, out, grad)}
	})
}
