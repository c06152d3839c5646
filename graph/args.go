package graph

import (
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Args gives an op access to the values of one run.
type Args struct {
	op *nodeOp
	in []G.Value
}

// Floats returns the elements of the i-th input, row by row.
func (a *Args) Floats(i int) []float32 {
	switch v := a.in[i].(type) {
	case *G.F32:
		return []float32{float32(*v)}
	case *tensor.Dense:
		// A built-in Slice or Transpose may hand over a view with gaps.
		if v.RequiresIterator() || !v.DataOrder().IsRowMajor() {
			v = v.Materialize().(*tensor.Dense)
		}
		if v.Dtype() == tensor.Float32 && !v.IsScalar() {
			return v.Float32s() // Data allocates, which matters when a token takes hundreds of ops
		}
		return v.Data().([]float32)
	}
	return a.in[i].Data().([]float32)
}

// Ints returns the elements of the i-th input, which holds integers.
func (a *Args) Ints(i int) []int { return a.in[i].Data().([]int) }

// Out returns the buffer of the i-th result: 0 is the node's value, 1 and up are the extra results. Before Run
// writes to it, its contents are arbitrary. It is nil for a result of [Scope.AddExtra] that nothing needs.
func (a *Args) Out(i int) []float32 {
	if r := a.op.results[i]; !r.unwanted {
		return r.buffer()
	}
	return nil
}

// Results returns the number of results: 1 plus the extra ones.
func (a *Args) Results() int { return len(a.op.results) }

// Save returns the buffer of the i-th of the op's Saves, for Run to fill.
func (a *Args) Save(i int) []float32 { return a.op.saves[i].buffer() }

// Saved returns what the op whose node is this op's Of has written to its i-th Save in this run.
func (a *Args) Saved(i int) []float32 { return a.op.of.saves[i].buffer() }

// Scratch returns the buffer of the i-th of the op's Scratch. Its contents are arbitrary.
func (a *Args) Scratch(i int) []float32 { return a.op.scratch[i].buffer() }

// Accumulate returns where the i-th result goes, for results that the op declared as accumulated: Run must set
// dst to alpha times the result plus beta times what dst holds. dst is the gradient of a parameter if nothing
// else needs the result, and nil if nothing needs it in this run.
func (a *Args) Accumulate(i int) (dst []float32, alpha, beta float32) {
	r := a.op.results[i]
	if r.unwanted {
		return nil, 0, 1
	}
	if r.sink == nil {
		return r.buffer(), 1, 0
	}
	weight := a.op.run.weight
	if weight == 0 {
		return nil, 0, 1
	}
	dst, zeroed := r.sink.overwriteGrad()
	if zeroed {
		return dst, weight, 0
	}
	return dst, weight, 1
}

// For calls f on disjoint ranges that cover [0, n), concurrently on the available processors, for example on
// the rows of a matrix. A range has at least grain items, which should take some microseconds: 16,000 elements
// of a sum, 8,000 of an exponential function. The boundaries of the ranges differ from run to run, so what f
// computes must not depend on them: split rows or columns, never a sum.
func (a *Args) For(n, grain int, f func(lo, hi int)) { kernel.For(n, grain, f) }

// Gemm computes C = alpha·op(A)·op(B) + beta·C for row-major matrices, where op transposes if transA or transB
// is set: after it, A is m×k, B is k×n, and C m×n. lda, ldb and ldc are the lengths of the rows as stored. If
// beta is 0, C is overwritten, whatever it holds; C must not overlap A or B. Gemm uses all processors, and the
// result has the same bits for any number of them. In an incremental graph of B sequences the bits are those of
// a product of m/B rows, so that the results of a sequence do not depend on the others. In a [Seamless] graph
// they are those of a product of a single row. The precision is that of the op's scope; see [Compute].
func (a *Args) Gemm(transA, transB bool, m, n, k int, alpha float32, x []float32, lda int, y []float32, ldb int, beta float32, out []float32, ldc int) {
	kernel.GemmLike(a.op.precision, a.likeRows(m), transA, transB, m, n, k, alpha, x, lda, y, ldb, beta, out, ldc)
}

// GemmPacked computes C = A·Bᵀ for a packed B, as returned by [Args.Packed], with no gaps in the matrices. The
// bits are those that Gemm computes from the unpacked numbers.
func (a *Args) GemmPacked(m int, x []float32, w *Packed, out []float32) {
	kernel.GemmPacked(a.op.precision, a.likeRows(m), m, x, w, out)
}

// likeRows returns the number of rows of the product whose bits a product of m rows has.
func (a *Args) likeRows(m int) int {
	if a.op.scope.seamless {
		return 1
	}
	if memory := a.op.scope.cache; memory != nil {
		return m / memory.batch
	}
	return m
}

// GemmGroup computes C = A·B, or A·Bᵀ if trans is set, for the m rows of one of [Groups], with no gaps in the
// matrices. A row has the same bits however many other rows its group has: in an incremental graph those of a
// product of as many rows as the piece has positions, and in a [Seamless] one those of a product of a single
// row.
func (a *Args) GemmGroup(trans bool, m, n, k int, x, y, out []float32) {
	ldb := n
	if trans {
		ldb = k
	}
	kernel.GemmLike(a.op.precision, a.groupRows(), false, trans, m, n, k, 1, x, k, y, ldb, 0, out, n)
}

// GemmGroupPacked is GemmGroup with a packed Bᵀ (n, k). It computes the same bits.
func (a *Args) GemmGroupPacked(m int, x []float32, w *Packed, out []float32) {
	kernel.GemmPacked(a.op.precision, a.groupRows(), m, x, w, out)
}

// groupRows returns the number of rows of the product whose bits a row of a group has.
func (a *Args) groupRows() int {
	switch {
	case a.op.scope.seamless:
		return 1
	case a.op.scope.cache != nil:
		return a.op.scope.sequence[1]
	}
	return math.MaxInt
}

// Random identifies this run's random numbers by the seed of the whole run and the step. A random op mixes in
// its own stream, so that the same step gives the same numbers, forward and backward, whatever ran before.
func (a *Args) Random() (seed, step uint64) { return a.op.run.seed, a.op.run.step }
