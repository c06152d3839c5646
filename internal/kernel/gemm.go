package kernel

// Gemm computes C = alpha·op(A)·op(B) + beta·C in row-major order, where op
// transposes if transA or transB says so. After op, A is m×k, B is k×n and C is
// m×n; lda, ldb and ldc are the row lengths of the matrices as stored. A beta of 0
// clears C, even of NaN. The result does not depend on GOMAXPROCS.
func Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if m <= 0 || n <= 0 {
		return
	}
	grain := 1 + 1<<16/(n*(k+1))
	For(m, grain, func(lo, hi int) {
		gemmPlain(transA, transB, lo, hi, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
	})
}

// gemmPlain computes rows lo to hi of C by the definition.
func gemmPlain(transA, transB bool, lo, hi, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	for i := lo; i < hi; i++ {
		row := c[i*ldc : i*ldc+n]
		scale(beta, row)
		if alpha == 0 {
			continue
		}
		at := func(p int) float32 {
			if transA {
				return alpha * a[p*lda+i]
			}
			return alpha * a[i*lda+p]
		}
		if transB {
			for j := range row {
				sum := float32(0)
				for p, v := range b[j*ldb : j*ldb+k] {
					sum += at(p) * v
				}
				row[j] += sum
			}
			continue
		}
		for p := range k {
			x := at(p)
			for j, v := range b[p*ldb : p*ldb+n] {
				row[j] += x * v
			}
		}
	}
}

// scale multiplies x by beta; 0 clears even NaN.
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
