//go:build unix

package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestGemmGuarded multiplies matrices that end, or begin, at inaccessible memory: if the assembly reads or writes
// outside of them, the test faults.
func TestGemmGuarded(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, s := range [][3]int{{1, 200, 70}, {3, 5, 7}, {14, 32, 16}, {29, 70, 33}, {100, 97, 100}, {40, 300, 400}, {12, 301, 200}, {24, 300, 200}} {
		for trans := range 4 {
			g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], 0)
			r := g.reference()
			for _, atEnd := range []bool{true, false} {
				fence := func(x []float32) []float32 {
					y := guarded(t, len(x), atEnd)
					copy(y, x)
					return y
				}
				g.a, g.b = fence(g.a), fence(g.b)
				withISA(t, g.String(), func(t *testing.T) {
					c := fence(g.c)
					Gemm(g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, c, g.ldc)
					g.check(t, c, r)
				})
			}
		}
	}
}
