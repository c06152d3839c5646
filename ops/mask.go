package ops

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// CausalMask sets the scores (N, T, T) of later positions to −∞: score [n, t, u]
// stays where u ≤ t and, for a window above 0, t−u < window (a banded mask).
func CausalMask(s *graph.Scope, scores *G.Node, window int) *G.Node {
	scores = s.Given("CausalMask", "scores", scores)
	shape := scores.Shape()
	if shape.Dims() != 3 || shape[1] != shape[2] || window < 0 {
		return s.Fail("CausalMask", shape, "scores are %v, window %d; want (N, T, T) and 0 or more", shape, window)
	}
	if s.Memory() != nil {
		return s.Fail("CausalMask", shape, "it sees nothing of the past in an incremental graph")
	}
	fill := func(name string, hidden float32, x *G.Node, grad func(G.Nodes, *G.Node, *G.Node) G.Nodes) *G.Node {
		return elementwise(s, name, 0, x, func(out, x []float32) {
			for i := range out {
				t, u := i/shape[2]%shape[1], i%shape[2]
				out[i] = x[i]
				if u > t || window > 0 && t-u >= window {
					out[i] = hidden
				}
			}
		}, grad)
	}
	return fill("CausalMask", float32(math.Inf(-1)), scores, func(_ G.Nodes, _, grad *G.Node) G.Nodes {
		return G.Nodes{fill("CausalMaskGrad", 0, grad, nil)}
	})
}
