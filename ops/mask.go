package ops

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// CausalMask sets the scores (N, T, T) of later positions to −∞: score [n, t, u] is kept if u ≤ t and, for a
// window above 0, t−u < window (a banded mask).
func CausalMask(s *graph.Scope, scores *G.Node, window int) *G.Node {
	scores = s.Require("CausalMask", "scores", scores)
	shape := scores.Shape()
	if shape.Dims() != 3 || shape[1] != shape[2] || window < 0 {
		return s.Fail("CausalMask", shape, "scores are %v, window %d; want (N, T, T) and 0 or more", shape, window)
	}
	if s.Cache() != nil {
		return s.Fail("CausalMask", shape, "it is not supported in an incremental graph, whose past it cannot see")
	}
	fill := func(name string, hidden float32, x *G.Node, grad func(G.Nodes, *G.Node, *G.Node) G.Nodes) *G.Node {
		return s.Apply(graph.Op{
			Name:    name,
			Out:     shape,
			RowWise: 1,
			Masks:   hidden != 0,
			Run: func(a *graph.Args) error {
				x, out := a.Floats(0), a.Out(0)
				a.For(len(out)/shape[2], grain(shape[2]), func(lo, hi int) {
					for row := lo; row < hi; row++ {
						maskRow(out[row*shape[2]:][:shape[2]], x[row*shape[2]:], row%shape[1], window, hidden)
					}
				})
				return nil
			},
			Grad: grad,
		}, x)
	}
	return fill("CausalMask", float32(math.Inf(-1)), scores, func(_ G.Nodes, _, grad *G.Node) G.Nodes {
		return G.Nodes{fill("CausalMaskGrad", 0, grad, nil)}
	})
}

// maskRow copies the scores x of position t and hides those that it must not see.
func maskRow(out, x []float32, t, window int, hidden float32) {
	for u := range out {
		out[u] = x[u]
		if u > t || window > 0 && t-u >= window {
			out[u] = hidden
		}
	}
}
