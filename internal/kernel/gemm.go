package kernel

import "fmt"

// Gemm computes C = alpha·op(A)·op(B) + beta·C in row-major order, where op transposes if transA or transB says
// so. After op, A is m×k, B is k×n and C is m×n; lda, ldb and ldc are the row lengths of the matrices as stored.
// If beta is 0, C is overwritten, even if it contains NaN; if alpha is 0, A and B are ignored. C must not overlap
// A or B.
//
// The result does not depend on GOMAXPROCS. Gemm panics if a slice is too short.
func Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	GemmLike(Float32, m, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// GemmLike is Gemm in the given precision. If A is not transposed, the rows of C have the same bits as in a
// product with the given number of rows. So sequences with that many rows each give the same results together as
// alone, and so do the rows that an expert receives out of that many rows. In bfloat16, results are the same for
// any number of rows.
func GemmLike(precision Precision, rows int, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if m <= 0 || n <= 0 {
		return
	}
	check("C", m, n, c, ldc)
	if k <= 0 || alpha == 0 {
		for i := range m {
			scale(beta, c[i*ldc:i*ldc+n])
		}
		return
	}
	if transA {
		check("A", k, m, a, lda)
	} else {
		check("A", m, k, a, lda)
	}
	if transB {
		check("B", n, k, b, ldb)
	} else {
		check("B", k, n, b, ldb)
	}
	p := product{
		isa: precision.isa(), transA: transA, transB: transB, m: m, n: n, k: k, length: k,
		alpha: alpha, beta: beta, a: a, b: b, c: c, lda: lda, ldb: ldb, ldc: ldc,
	}
	few := float64(m)*float64(n)*float64(k) < smallProduct
	if p.pairs != nil {
		p.k = p.pairs.padded((k + 1) / 2)
		if few {
			p.small()
		} else {
			p.large()
		}
		return
	}
	if m == 1 && (rows <= fewRows || !transB) {
		p.oneRow()
		return
	}
	if rows <= fewRows && transB && !transA {
		p.dotRows() // a single row is summed in another order than in a packed product
		return
	}
	if few {
		p.small()
		return
	}
	if p.swept[0] <= m && m <= p.swept[1] && !transA && !transB {
		p.sweepRows()
		return
	}
	if m < p.swept[0] && !transA && !transB && len(p.strips) > 0 {
		p.stripRows()
		return
	}
	p.large()
}

// check panics if x cannot hold rows×cols elements in rows of length ld, since the assembly would not notice.
func check(name string, rows, cols int, x []float32, ld int) {
	if ld < cols || len(x) < (rows-1)*ld+cols {
		panic(fmt.Sprintf("kernel: Gemm: %s is %d×%d in rows of %d, but has %d elements", name, rows, cols, ld, len(x)))
	}
}

// scale multiplies x by beta; a beta of 0 clears even NaN.
func scale(beta float32, x []float32) {
	switch beta {
	case 0:
		clear(x)
	case 1:
	default:
		for i := range x {
			x[i] *= beta
		}
	}
}
