package ops

import (
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// isMatrix reports whether n is a float32 matrix.
func isMatrix(n *G.Node) bool { return n.Dims() == 2 && n.Dtype() == tensor.Float32 }

// isVector reports whether n is a float32 vector of the given length, or nil.
func isVector(n *G.Node, length int) bool {
	return n == nil || n.Dims() == 1 && n.Dtype() == tensor.Float32 && n.Shape()[0] == length
}

// isIDs reports whether n holds integers.
func isIDs(n *G.Node) bool { return n.Dtype() == tensor.Int }

// dim returns the i-th dimension of n, counted from the end if i is negative, or 1 if there is no such
// dimension. It serves the placeholders of results that cannot be computed.
func dim(n *G.Node, i int) int {
	shape := n.Shape()
	if i < 0 {
		i += len(shape)
	}
	if i < 0 || i >= len(shape) {
		return 1
	}
	return shape[i]
}

// sequences returns how many sequences of how many positions the rows of x are. If the rows of x are not these
// sequences, it also returns a placeholder with the shape of op's result.
func sequences(s *graph.Scope, op string, shape tensor.Shape, x *G.Node) (batch, context int, failed *G.Node) {
	batch, context = s.Sequence()
	if dim(x, 0) != batch*context {
		failed = s.Fail(op, shape, "the rows of %v are not those of %d sequences of %d positions", x.Shape(), batch, context)
	}
	return batch, context, failed
}

// local returns how many of the given number of heads, which are columns of x, this rank has.
func local(s *graph.Scope, op string, x *G.Node, heads int) int {
	l, r := s.Layout(x), s.Ranks()
	if l.Sections == nil {
		return heads
	}
	if heads%r.Size() != 0 {
		s.Fail(op, tensor.Shape{1}, "%d heads cannot be divided evenly among %d ranks", heads, r.Size())
		return heads
	}
	return heads / r.Size()
}

// size returns the number of elements of a shape, in the type that FLOPs are counted in.
func size(shape tensor.Shape) int64 { return int64(shape.TotalSize()) }

// finite reports whether a setting is a number that a float32 can hold.
func finite(v float64) bool { return math.Abs(v) <= math.MaxFloat32 }

// isCap reports whether float32 values can be bounded to ±limit: a limit that is 0 in float32 would silently
// mean no bound.
func isCap(limit float64) bool {
	return finite(limit) && limit > 0 && finite(2/float64(float32(limit)))
}

// grain returns the number of rows of width elements, each read and written once, that justify another
// goroutine; see [graph.Args.For].
func grain(width int) int { return 1 + 1<<14/max(width, 1) }

// some returns the nodes that are not nil.
func some(nodes ...*G.Node) G.Nodes {
	var out G.Nodes
	for _, n := range nodes {
		if n != nil {
			out = append(out, n)
		}
	}
	return out
}

// elementwise declares an element-wise op of one input.
func elementwise(s *graph.Scope, name string, cost int64, x *G.Node, run func(out, x []float32), grad func(in G.Nodes, out, grad *G.Node) G.Nodes) *G.Node {
	return ofRows(s, graph.Op{Name: name, FLOPs: cost, Columnwise: true, Grad: grad}, x, run)
}

// ofRows declares an op of one input, row by row, whose result has the same shape. op.FLOPs counts those of one
// element.
func ofRows(s *graph.Scope, op graph.Op, x *G.Node, run func(out, x []float32)) *G.Node {
	x = s.Require(op.Name, "x", x)
	op.Out, op.RowWise, op.FLOPs = x.Shape(), 1, op.FLOPs*size(x.Shape())
	op.Run = func(a *graph.Args) error {
		run(a.Out(0), a.Floats(0))
		return nil
	}
	return s.Apply(op, x)
}
