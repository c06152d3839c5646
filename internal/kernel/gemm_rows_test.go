package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestGemmFewRows: each of few rows of a product has the bits that it has alone, for any GOMAXPROCS, so that what
// a sequence generates does not depend on its batch. Sizes are around those of strips, of blocks of scalar
// products and of steps.
func TestGemmFewRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	sizes := [][2]int{{1, 1}, {7, 5}, {8, 16}, {300, 33}, {2100, 64}}
	if !raceEnabled {
		sizes = append(sizes, [][2]int{{95, 3000}, {385, 2000}, {8300, 50}}...)
	}
	withISA(t, "rows", func(t *testing.T) {
		for _, size := range sizes {
			for trans := range 2 {
				for _, m := range []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, fewRows, fewRows + 1, 17, 24, 25, 36, 37} {
					if size[1] > 1000 && m%4 > 1 {
						continue // takes long
					}
					g := newGemmCase(rng, false, trans == 1, m, size[0], size[1], 3)
					g.alpha, g.beta = 0.5, 0.25
					if m%2 == 1 { // what a model has
						g.alpha, g.beta = 1, 0
					}
					var got []float32
					for procs := 1; procs <= 3; procs++ {
						withProcs(procs, func() {
							c := g.run()
							if got != nil && !slices.Equal(c, got) {
								t.Errorf("%v: GOMAXPROCS %d changes the result", g, procs)
							}
							got = c
						})
					}
					g.check(t, got, g.reference())
					if m > fewRows && trans == 1 {
						like := slices.Clone(g.c)
						GemmLike(Float32, 1, g.transA, g.transB, m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, like, g.ldc)
						got = like
						g.check(t, got, g.reference())
					}
					for i := range m {
						row := *g
						row.m, row.a, row.c = 1, g.a[i*g.lda:], g.c[i*g.ldc:]
						if alone := row.run(); !slices.Equal(alone[:g.n], got[i*g.ldc:][:g.n]) {
							t.Errorf("%v: row %d differs from the row alone", g, i)
						}
					}
				}
			}
		}
	})
}
