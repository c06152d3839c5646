package ops

import (
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// isMatrix tells whether n is a float32 matrix.
func isMatrix(n *G.Node) bool { return n.Dims() == 2 && n.Dtype() == tensor.Float32 }

// isVector tells whether n is a float32 vector of that length; nil is one of any.
func isVector(n *G.Node, length int) bool {
	return n == nil || n.Dims() == 1 && n.Dtype() == tensor.Float32 && n.Shape()[0] == length
}

// isIDs tells whether n holds integers.
func isIDs(n *G.Node) bool { return n.Dtype() == tensor.Int }

// dim is the i-th dimension of n, counted from the end if negative, or 1 if n has
// none such: for the placeholder that stands for a result that cannot be.
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

// sequences is how many sequences of how many positions the rows of x are, or a placeholder if
// they are other rows: of the shape of op's result.
func sequences(s *graph.Scope, op string, shape tensor.Shape, x *G.Node) (batch, context int, failed *G.Node) {
	batch, context = s.Sequence()
	if dim(x, 0) != batch*context {
		failed = s.Fail(op, shape, "the rows of %v are not those of %d sequences of %d positions", x.Shape(), batch, context)
	}
	return batch, context, failed
}

// local is how many of so many heads, of columns of x, this rank has.
func local(s *graph.Scope, op string, x *G.Node, heads int) int {
	l, r := s.Layout(x), s.Ranks()
	if l.Sections == nil {
		return heads
	}
	if heads%r.Size() != 0 {
		s.Fail(op, tensor.Shape{1}, "%d heads cannot be shared out evenly among %d ranks", heads, r.Size())
		return heads
	}
	return heads / r.Size()
}

// size is the number of elements of a shape, in the type that FLOPs are counted in.
func size(shape tensor.Shape) int64 { return int64(shape.TotalSize()) }

// finite tells whether a setting is a number that a float32 holds.
func finite(v float64) bool { return math.Abs(v) <= math.MaxFloat32 }

// isCap tells whether values can be kept within ±limit in float32: a limit that is 0 there would be none without a word.
func isCap(limit float64) bool {
	return finite(limit) && limit > 0 && finite(2/float64(float32(limit)))
}

// grain is the number of rows of so many elements, each read and written once, that are worth
// another goroutine; see [graph.Args.For].
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

// elementwise is an op of one input whose result has the same shape, element by element.
func elementwise(s *graph.Scope, name string, cost int64, x *G.Node, run func(out, x []float32), grad func(in G.Nodes, out, grad *G.Node) G.Nodes) *G.Node {
	return ofRows(s, graph.Op{Name: name, FLOPs: cost, Columnwise: true, Grad: grad}, x, run)
}

// ofRows is an op of one input whose result has the same shape, row by row; its FLOPs are those of an element.
func ofRows(s *graph.Scope, op graph.Op, x *G.Node, run func(out, x []float32)) *G.Node {
	x = s.Require(op.Name, "x", x)
	op.Out, op.RowWise, op.FLOPs = x.Shape(), 1, op.FLOPs*size(x.Shape())
	op.Run = func(a *graph.Args) error {
		run(a.Out(0), a.Floats(0))
		return nil
	}
	return s.Apply(op, x)
}
