package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// SplitHeads turns the columns [first, first+H·D) of x (B·T, ·) into one matrix a
// head: the result is (B·H, T, D).
func SplitHeads(s *graph.Scope, x *G.Node, first, heads, size int) *G.Node {
	x = s.Given("SplitHeads", "x", x)
	if !isMatrix(x) || heads < 1 || size < 1 || first < 0 || first+heads*size > x.Shape()[1] {
		return s.Fail("SplitHeads", tensor.Shape{1, 1, 1}, "x is %v; want (B·T, columns) with %d heads of %d from column %d", x.Shape(), heads, size, first)
	}
	batch, context, failed := sequences(s, "SplitHeads", tensor.Shape{1, 1, 1}, x)
	if failed != nil {
		return failed
	}
	l := headLayout{batch: batch, context: context, heads: heads, size: size, first: first, stride: x.Shape()[1]}
	return l.split(s, x)
}

// MergeHeads is the inverse of SplitHeads: x (B·H, T, D) becomes (B·T, H·D).
func MergeHeads(s *graph.Scope, x *G.Node, heads int) *G.Node {
	x = s.Given("MergeHeads", "x", x)
	if x.Dims() != 3 || heads < 1 || x.Shape()[0]%heads != 0 {
		return s.Fail("MergeHeads", tensor.Shape{1, dim(x, -1) * max(heads, 1)}, "x is %v; want (B·H, T, D) with %d heads", x.Shape(), heads)
	}
	shape := x.Shape()
	l := headLayout{batch: shape[0] / heads, context: shape[1], heads: heads, size: shape[2], stride: heads * shape[2]}
	return l.merge(s, x)
}

// headLayout relates the columns of a (B·T, stride) matrix to (B·H, T, D).
type headLayout struct {
	batch, context, heads, size, first, stride int
}

// at is where row t of head h of sequence b begins in the matrix and in the heads.
func (l headLayout) at(b, h, t int) (inMatrix, inHeads int) {
	return (b*l.context+t)*l.stride + l.first + h*l.size, ((b*l.heads+h)*l.context + t) * l.size
}

func (l headLayout) split(s *graph.Scope, x *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name: "SplitHeads",
		Out:  tensor.Shape{l.batch * l.heads, l.context, l.size},
		Run: func(a *graph.Args) error {
			x, out := a.Floats(0), a.Out(0)
			a.For(l.batch*l.heads, grain(l.context*l.size), func(lo, hi int) {
				for i := lo; i < hi; i++ {
					for t := range l.context {
						m, h := l.at(i/l.heads, i%l.heads, t)
						copy(out[h:h+l.size], x[m:m+l.size])
					}
				}
			})
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{l.merge(s, grad)} },
	}, x)
}

func (l headLayout) merge(s *graph.Scope, x *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name: "MergeHeads",
		Out:  tensor.Shape{l.batch * l.context, l.stride},
		Run: func(a *graph.Args) error {
			x, out := a.Floats(0), a.Out(0)
			a.For(l.batch*l.context, grain(l.stride), func(lo, hi int) {
				clear(out[lo*l.stride : hi*l.stride]) // columns of other heads
				for row := lo; row < hi; row++ {
					for i := range l.heads {
						m, h := l.at(row/l.context, i, row%l.context)
						copy(out[m:m+l.size], x[h:h+l.size])
					}
				}
			})
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{l.split(s, grad)} },
	}, x)
}
