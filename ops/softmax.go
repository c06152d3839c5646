package ops

import (
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Softmax is exp(x)/Σ exp(x) along the last axis, shifted by the row's maximum. Gorgonia's SoftMax shifts by
// the tensor's first element and overflows.
func Softmax(s *graph.Scope, x *G.Node) *G.Node {
	return alongRows(s, "Softmax", x, kernel.Softmax, kernel.SoftmaxGrad)
}

// LogSoftmax is the logarithm of Softmax, computed without computing Softmax.
func LogSoftmax(s *graph.Scope, x *G.Node) *G.Node {
	return alongRows(s, "LogSoftmax", x, kernel.LogSoftmax, kernel.LogSoftmaxGrad)
}

// alongRows declares an op on rows whose gradient is computed from its own output.
func alongRows(s *graph.Scope, name string, x *G.Node, run func(out, x []float32, width int), gradient func(dx, y, dy []float32, width int)) *G.Node {
	x = s.Require(name, "x", x)
	if x.Dims() == 0 {
		return s.Fail(name, x.Shape(), "x is a scalar; want rows")
	}
	width := x.Shape()[x.Dims()-1]
	return s.Apply(graph.Op{
		Name:    name,
		Out:     x.Shape(),
		FLOPs:   5 * size(x.Shape()),
		RowWise: min(x.Dims()-1, 1), // a vector's elements are its rows
		Run: func(a *graph.Args) error {
			run(a.Out(0), a.Floats(0), width)
			return nil
		},
		Grad: func(_ G.Nodes, out, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name:  name + "Grad",
				Out:   x.Shape(),
				FLOPs: 4 * size(x.Shape()),
				Run: func(a *graph.Args) error {
					gradient(a.Out(0), a.Floats(0), a.Floats(1), width)
					return nil
				},
			}, out, grad)}
		},
	}, x)
}

// LogSumExp is the logarithm of the sum of the exponentials along the last axis, which is dropped: (N, C)
// becomes (N), and (C) a scalar. Unlike Gorgonia's, it is shifted by the row's maximum.
func LogSumExp(s *graph.Scope, x *G.Node) *G.Node {
	x = s.Require("LogSumExp", "x", x)
	if x.Dims() == 0 || x.Dtype() != tensor.Float32 {
		return s.Fail("LogSumExp", x.Shape(), "x is %v of %v; want rows of float32", x.Shape(), x.Dtype())
	}
	shape := x.Shape()
	width := shape[len(shape)-1]
	return s.Apply(graph.Op{
		Name:    "LogSumExp",
		Out:     shape[:len(shape)-1],
		FLOPs:   5 * size(shape),
		RowWise: min(x.Dims()-1, 1),
		Run: func(a *graph.Args) error {
			x, out := a.Floats(0), a.Out(0)
			a.For(len(out), grain(8*width), func(lo, hi int) {
				logs := make([]float32, width)
				for i := lo; i < hi; i++ {
					row := x[i*width:][:width]
					kernel.LogSoftmax(logs, row, width)
					most := slices.Index(row, slices.Max(row)) // finite if any element is
					out[i] = row[most] - logs[most]
				}
			})
			return nil
		},
		// The slope is the softmax.
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name:  "LogSumExpGrad",
				Out:   shape,
				FLOPs: 6 * size(shape),
				Run: func(a *graph.Args) error {
					dx, dy := a.Out(0), a.Floats(1)
					kernel.Softmax(dx, a.Floats(0), width)
					for i := range dx {
						dx[i] *= dy[i/width]
					}
					return nil
				},
			}, in[0], grad)}
		},
	}, x)
}
