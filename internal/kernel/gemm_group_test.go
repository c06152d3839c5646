package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestGemmGroup: if a few rows are to have the bits of a product with many rows, they have them, so that what a
// token gets from an expert does not depend on how many others were sent there.
func TestGemmGroup(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 2))
	withISA(t, "group", func(t *testing.T) {
		for _, size := range [][2]int{{1, 1}, {7, 5}, {300, 33}, {2100, 64}, {95, 3000}, {385, 2000}} {
			for trans := range 2 {
				g := newGemmCase(rng, false, trans == 1, 40, size[0], size[1], 3)
				g.alpha, g.beta = 1, 0
				all := g.run()
				for _, m := range []int{1, 2, 3, 5, 12, 13, 30} {
					c := slices.Clone(g.c)
					GemmLike(Float32, math.MaxInt, false, g.transB, m, g.n, g.k, 1, g.a, g.lda, g.b, g.ldb, 0, c, g.ldc)
					for i := range m {
						if !slices.Equal(c[i*g.ldc:][:g.n], all[i*g.ldc:][:g.n]) {
							t.Errorf("%v: row %d of %d differs from that of all", g, i, m)
						}
					}
				}
			}
		}
	})
}
