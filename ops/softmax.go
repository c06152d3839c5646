package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Softmax is exp(x)/Σ exp(x) along the last axis, shifted by the row's maximum.
// Gorgonia's shifts by the tensor's first element and overflows.
func Softmax(s *graph.Scope, x *G.Node) *G.Node {
	return alongRows(s, "Softmax", x, kernel.Softmax, kernel.SoftmaxGrad)
}

// LogSoftmax is the logarithm of Softmax, computed without it.
func LogSoftmax(s *graph.Scope, x *G.Node) *G.Node {
	return alongRows(s, "LogSoftmax", x, kernel.LogSoftmax, kernel.LogSoftmaxGrad)
}

// alongRows is an op on rows whose gradient is computed from its own output.
func alongRows(s *graph.Scope, name string, x *G.Node, run func(out, x []float32, width int), gradient func(dx, y, dy []float32, width int)) *G.Node {
	x = s.Given(name, "x", x)
	if x.Dims() == 0 {
		return s.Fail(name, x.Shape(), "x is a scalar; want rows")
	}
	width := x.Shape()[x.Dims()-1]
	return elementwise(s, name, 5, x,
		func(out, x []float32) { run(out, x, width) },
		func(_ G.Nodes, out, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name:  name + "Grad",
				Out:   x.Shape(),
				FLOPs: 4 * size(x.Shape()),
				Run: func(a *graph.Args) error {
					gradient(a.Out(0), a.Floats(0), a.Floats(1), width)
					return nil
				},
			}, out, grad)}
		})
}
