package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// BatchedMatMul multiplies the matrices of a (N, ·, ·) by those of b (N, ·, ·), each transposed first if transA
// or transB is set.
func BatchedMatMul(s *graph.Scope, a, b *G.Node, transA, transB bool) *G.Node {
	a, b = s.Require("BatchedMatMul", "a", a), s.Require("BatchedMatMul", "b", b)
	count, m, inner := dim(a, 0), dim(a, 1), dim(a, 2)
	if transA {
		m, inner = inner, m
	}
	innerB, n := dim(b, 1), dim(b, 2)
	if transB {
		innerB, n = n, innerB
	}
	if a.Dims() != 3 || b.Dims() != 3 || count != dim(b, 0) || inner != innerB {
		return s.Fail("BatchedMatMul", tensor.Shape{count, m, n}, "a is %v (transposed: %v), b %v (%v); want (N, M, K) and (N, K, L)", a.Shape(), transA, b.Shape(), transB)
	}
	lda, ldb := dim(a, 2), dim(b, 2)
	return s.Apply(graph.Op{
		Name:  "BatchedMatMul",
		Out:   tensor.Shape{count, m, n},
		FLOPs: 2 * int64(count) * int64(m) * int64(n) * int64(inner),
		Run: func(v *graph.Args) error {
			x, y, out := v.Floats(0), v.Floats(1), v.Out(0)
			v.For(count, 1, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					v.Gemm(transA, transB, m, n, inner, 1, x[i*m*inner:], lda, y[i*inner*n:], ldb, 0, out[i*m*n:], n)
				}
			})
			return nil
		},
		// C = op(A)·op(B): dop(A) = dC·op(B)ᵀ and dop(B) = op(A)ᵀ·dC.
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			da := BatchedMatMul(s, grad, in[1], false, !transB)
			if transA {
				da = BatchedMatMul(s, in[1], grad, transB, true)
			}
			db := BatchedMatMul(s, in[0], grad, !transA, false)
			if transB {
				db = BatchedMatMul(s, grad, in[0], true, transA)
			}
			return G.Nodes{da, db}
		},
	}, a, b)
}

// Scale multiplies x by a constant.
func Scale(s *graph.Scope, x *G.Node, factor float64) *G.Node {
	return elementwise(s, "Scale", 1, x,
		func(out, x []float32) {
			kernel.For(len(x), grain(1), func(lo, hi int) {
				clear(out[lo:hi])
				kernel.Axpy(out[lo:hi], float32(factor), x[lo:hi])
			})
		},
		func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{Scale(s, grad, factor)} })
}
