package kernel

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// BLAS is gonum's BLAS with Gemm in place of its Sgemm. Gorgonia is told to use it by gorgonia.Use.
type BLAS struct{ gonum.Implementation }

var _ blas.Float32 = BLAS{}

// Sgemm computes C = alpha·op(A)·op(B) + beta·C; see Gemm. If the arguments do not fit one another, it panics as
// gonum's Sgemm does, with the same message.
func (b BLAS) Sgemm(transA, transB blas.Transpose, m, n, k int, alpha float32, x []float32, ldx int, y []float32, ldy int, beta float32, c []float32, ldc int) {
	if !holds(x, m, k, ldx, transA) || !holds(y, k, n, ldy, transB) || !holds(c, m, n, ldc, blas.NoTrans) {
		b.Implementation.Sgemm(transA, transB, m, n, k, alpha, x, ldx, y, ldy, beta, c, ldc)
		return
	}
	Gemm(transA != blas.NoTrans, transB != blas.NoTrans, m, n, k, alpha, x, ldx, y, ldy, beta, c, ldc)
}

// holds reports whether x holds a rows×cols matrix, stored as its transpose if trans says so. Both dimensions
// must be positive.
func holds(x []float32, rows, cols, ld int, trans blas.Transpose) bool {
	switch trans {
	case blas.NoTrans:
	case blas.Trans, blas.ConjTrans:
		rows, cols = cols, rows
	default:
		return false
	}
	return rows > 0 && cols > 0 && ld >= cols && len(x) >= (rows-1)*ld+cols
}
