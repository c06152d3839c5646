package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// normal returns n numbers drawn from the standard normal distribution.
func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// gemmReference is the definition, summed in float64. It also returns, element by
// element, the sum of the absolute values, which bounds the rounding error.
func gemmReference(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) (want, size []float64) {
	want, size = make([]float64, m*n), make([]float64, m*n)
	for i := range m {
		for j := range n {
			sum, abs := 0.0, 0.0
			for p := range k {
				x, y := i*lda+p, p*ldb+j
				if transA {
					x = p*lda + i
				}
				if transB {
					y = j*ldb + p
				}
				v := float64(a[x]) * float64(b[y])
				sum += v
				abs += math.Abs(v)
			}
			sum *= float64(alpha)
			abs *= math.Abs(float64(alpha))
			if beta != 0 {
				sum += float64(beta) * float64(c[i*ldc+j])
				abs += math.Abs(float64(beta) * float64(c[i*ldc+j]))
			}
			want[i*n+j], size[i*n+j] = sum, abs
		}
	}
	return want, size
}

func TestGemm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range [][3]int{{1, 1, 1}, {5, 7, 3}, {13, 33, 65}, {40, 31, 0}} {
		m, n, k := s[0], s[1], s[2]
		for trans := range 4 {
			transA, transB := trans&1 != 0, trans&2 != 0
			t.Run(fmt.Sprintf("%v/%d", s, trans), func(t *testing.T) {
				lda, ldb, ldc := max(k, m)+3, max(k, n)+3, n+3
				a, b, c := normal(rng, max(m, k)*lda), normal(rng, max(n, k)*ldb), normal(rng, m*ldc)
				want, size := gemmReference(transA, transB, m, n, k, 0.7, a, lda, b, ldb, 0.5, c, ldc)
				Gemm(transA, transB, m, n, k, 0.7, a, lda, b, ldb, 0.5, c, ldc)
				for i := range m {
					for j := range n {
						if d := math.Abs(float64(c[i*ldc+j]) - want[i*n+j]); d > 1e-6*(1+size[i*n+j]) {
							t.Fatalf("c[%d, %d] = %v, want %v", i, j, c[i*ldc+j], want[i*n+j])
						}
					}
				}
			})
		}
	}
}
