package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// Heads are attention heads in a matrix (B·T, ·): Count heads of Size columns each, side by side, beginning
// with column First.
type Heads struct {
	In                 *G.Node
	First, Count, Size int
}

// width returns the number of columns of all heads.
func (h Heads) width() int { return h.Count * h.Size }

// check returns a placeholder with the shape of op's result if the heads do not lie within their matrix.
func (h Heads) check(s *graph.Scope, op, name string, shape tensor.Shape) *G.Node {
	if isMatrix(h.In) && h.Count > 0 && h.Size > 0 && h.First >= 0 && h.First+h.width() <= h.In.Shape()[1] {
		return nil
	}
	return s.Fail(op, shape, "%s is %v; want (B·T, columns) with %d heads of %d from column %d", name, h.In.Shape(), h.Count, h.Size, h.First)
}

// Columns returns the heads as a matrix of their own (B·T, Count·Size).
func (h Heads) Columns(s *graph.Scope) *G.Node { return Columns(s, h.In, h.First, h.width()) }

// AllHeads divides the columns of x (B·T, ·) into count heads. If x is a rank's part of the columns, it has the
// rank's part of the heads.
func AllHeads(s *graph.Scope, x *G.Node, count int) Heads {
	x = s.Require("AllHeads", "x", x)
	count = local(s, "AllHeads", x, count)
	if !isMatrix(x) || count < 1 || x.Shape()[1]%count != 0 {
		return Heads{s.Fail("AllHeads", tensor.Shape{dim(x, 0), 1}, "x is %v; want (B·T, columns) of %d heads", x.Shape(), count), 0, 1, 1}
	}
	return Heads{x, 0, count, x.Shape()[1] / count}
}

// QKV returns the queries, keys and values that lie side by side in qkv (B·T, ·), as in GPT-2: first the query
// heads, then kv heads of keys, then kv heads of values, all of the same size.
func QKV(s *graph.Scope, qkv *G.Node, heads, kv int) (q, k, v Heads) {
	qkv = s.Require("QKV", "qkv", qkv)
	heads, kv = local(s, "QKV", qkv, heads), local(s, "QKV", qkv, kv)
	all := heads + 2*kv
	if !isMatrix(qkv) || heads < 1 || kv < 1 || qkv.Shape()[1]%all != 0 {
		none := Heads{s.Fail("QKV", tensor.Shape{dim(qkv, 0), 1}, "qkv is %v; want (B·T, a multiple of %d) for %d heads of queries, %d of keys and %d of values", qkv.Shape(), all, heads, kv, kv), 0, 1, 1}
		return none, none, none
	}
	size := qkv.Shape()[1] / all
	return Heads{qkv, 0, heads, size}, Heads{qkv, heads * size, kv, size}, Heads{qkv, (heads + kv) * size, kv, size}
}

// SplitHeads turns the heads in x (B·T, ·) into one matrix per head: the result is (B·H, T, D).
func SplitHeads(s *graph.Scope, h Heads) *G.Node { return splitHeads(s, h, 1) }

// splitHeads is SplitHeads with the given number of consecutive copies of each head.
func splitHeads(s *graph.Scope, h Heads, copies int) *G.Node {
	h.In = s.Require("SplitHeads", "x", h.In)
	none := tensor.Shape{1, 1, 1}
	if failed := h.check(s, "SplitHeads", "x", none); failed != nil {
		return failed
	}
	batch, context, failed := sequences(s, "SplitHeads", none, h.In)
	if failed != nil {
		return failed
	}
	return headLayout{h, batch, context, h.In.Shape()[1], copies}.split(s, h.In)
}

// MergeHeads is the inverse of SplitHeads: x (B·H, T, D) becomes (B·T, H·D).
func MergeHeads(s *graph.Scope, x *G.Node, heads int) *G.Node {
	x = s.Require("MergeHeads", "x", x)
	if x.Dims() != 3 || heads < 1 || x.Shape()[0]%heads != 0 {
		return s.Fail("MergeHeads", tensor.Shape{1, dim(x, -1) * max(heads, 1)}, "x is %v; want (B·H, T, D) with %d heads", x.Shape(), heads)
	}
	shape := x.Shape()
	return headLayout{Heads{nil, 0, heads, shape[2]}, shape[0] / heads, shape[1], heads * shape[2], 1}.merge(s, x)
}

// headLayout relates the columns of a matrix (B·T, stride) to copies of its heads (B·H·copies, T, D).
type headLayout struct {
	Heads
	batch, context, stride, copies int
}

// each calls f for every row of every head, with the row in the matrix and its i-th copy in the heads.
func (l headLayout) each(a *graph.Args, matrix, heads []float32, f func(i int, inMatrix, inHeads []float32)) {
	a.For(l.batch*l.Count, grain(l.context*l.Size), func(lo, hi int) {
		for head := lo; head < hi; head++ {
			first := head/l.Count*l.context*l.stride + l.First + head%l.Count*l.Size
			for i := range l.copies {
				for t := range l.context {
					f(i, matrix[first+t*l.stride:][:l.Size], heads[((head*l.copies+i)*l.context+t)*l.Size:][:l.Size])
				}
			}
		}
	})
}

func (l headLayout) split(s *graph.Scope, x *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name: "SplitHeads",
		Out:  tensor.Shape{l.batch * l.Count * l.copies, l.context, l.Size},
		Run: func(a *graph.Args) error {
			l.each(a, a.Floats(0), a.Out(0), func(_ int, x, out []float32) { copy(out, x) })
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
			clear(a.Out(0)) // columns of other heads
			l.each(a, a.Out(0), a.Floats(0), func(i int, out, x []float32) {
				if i == 0 {
					copy(out, x)
					return
				}
				for j, v := range x {
					out[j] += v
				}
			})
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{l.split(s, grad)} },
	}, x)
}
