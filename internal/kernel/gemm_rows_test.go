package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestGemmFewRows: of a product with a transposed B, each of few rows has the bits that it
// has alone, for any GOMAXPROCS: what a sequence generates does not depend on its batch.
func TestGemmFewRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	withISA(t, "rows", func(t *testing.T) {
		for _, size := range [][2]int{{1, 1}, {7, 5}, {8, 16}, {300, 33}, {2100, 64}} {
			for m := 2; m <= fewRows; m++ {
				g := newGemmCase(rng, false, true, m, size[0], size[1], 3)
				g.alpha, g.beta = 0.5, 0.25
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
				for i := range m {
					row := *g
					row.m, row.a, row.c = 1, g.a[i*g.lda:], g.c[i*g.ldc:]
					if alone := row.run(); !slices.Equal(alone[:g.n], got[i*g.ldc:][:g.n]) {
						t.Errorf("%v: row %d differs from the row alone", g, i)
					}
				}
			}
		}
	})
}
