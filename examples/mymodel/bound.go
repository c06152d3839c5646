package mymodel

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Bound is a layer with a custom op: limit·tanh(x/limit) keeps x within ±limit, and a limit of 0 leaves it
// unchanged. Being a layer, it can be edited by its path.
func Bound(s *graph.Scope, x *G.Node, limit float64) *G.Node {
	if limit == 0 {
		return x
	}
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node { return tanh(s, x, limit) })
}

// tanh computes y = limit·tanh(x/limit) for every element; the derivative is 1 − (y/limit)².
func tanh(s *graph.Scope, x *G.Node, limit float64) *G.Node {
	size := x.Shape().TotalSize()
	return s.Apply(graph.Op{
		Name: "Bound", Out: x.Shape(), FLOPs: 20 * int64(size), RowWise: 1,
		Run: func(a *graph.Args) error {
			in, out := a.Floats(0), a.Out(0)
			a.For(size, 1<<10, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					out[i] = float32(limit * math.Tanh(float64(in[i])/limit))
				}
			})
			return nil
		},
		Grad: func(_ G.Nodes, out, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name: "BoundGrad", Out: x.Shape(), FLOPs: 4 * int64(size),
				Run: func(a *graph.Args) error {
					y, dy, dx := a.Floats(0), a.Floats(1), a.Out(0)
					a.For(size, 1<<10, func(lo, hi int) {
						for i := lo; i < hi; i++ {
							share := y[i] / float32(limit)
							dx[i] = dy[i] * (1 - share*share)
						}
					})
					return nil
				},
			}, out, grad)}
		},
	}, x)
}
