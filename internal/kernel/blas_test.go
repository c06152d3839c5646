package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

func TestSgemm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	flags := []blas.Transpose{blas.NoTrans, blas.Trans, blas.ConjTrans}
	for _, transA := range flags {
		for _, transB := range flags {
			for _, s := range [][3]int{{3, 4, 5}, {40, 30, 20}, {1, 7, 9}, {2, 3, 0}, {0, 3, 2}} {
				g := newGemmCase(rng, transA != blas.NoTrans, transB != blas.NoTrans, s[0], s[1], s[2], 2)
				g.alpha, g.beta = 0.5, 2
				got := slices.Clone(g.c)
				BLAS{}.Sgemm(transA, transB, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, got, g.ldc)
				g.check(t, got, g.reference())
			}
		}
	}
}

// TestSgemmPanics compares the panics for inconsistent arguments with gonum's.
func TestSgemmPanics(t *testing.T) {
	x := make([]float32, 12)
	const n = blas.NoTrans
	for name, f := range map[string]func(b blas.Float32Level3){
		"transA":  func(b blas.Float32Level3) { b.Sgemm('X', n, 3, 4, 3, 1, x, 3, x, 4, 0, x, 4) },
		"transB":  func(b blas.Float32Level3) { b.Sgemm(n, 0, 3, 4, 3, 1, x, 3, x, 4, 0, x, 4) },
		"m":       func(b blas.Float32Level3) { b.Sgemm(n, n, -1, 4, 3, 1, x, 3, x, 4, 0, x, 4) },
		"n":       func(b blas.Float32Level3) { b.Sgemm(n, n, 3, -1, 3, 1, x, 3, x, 4, 0, x, 4) },
		"k":       func(b blas.Float32Level3) { b.Sgemm(n, n, 3, 4, -1, 1, x, 3, x, 4, 0, x, 4) },
		"lda":     func(b blas.Float32Level3) { b.Sgemm(n, n, 3, 4, 3, 1, x, 2, x, 4, 0, x, 4) },
		"ldb":     func(b blas.Float32Level3) { b.Sgemm(n, n, 3, 4, 3, 1, x, 3, x, 3, 0, x, 4) },
		"ldc":     func(b blas.Float32Level3) { b.Sgemm(n, n, 3, 4, 3, 1, x, 3, x, 4, 0, x, 3) },
		"short a": func(b blas.Float32Level3) { b.Sgemm(n, n, 3, 4, 3, 1, x[:8], 3, x, 4, 0, x, 4) },
		"short b": func(b blas.Float32Level3) { b.Sgemm(n, n, 3, 4, 3, 1, x, 3, x[:11], 4, 0, x, 4) },
		"short c": func(b blas.Float32Level3) { b.Sgemm(n, n, 3, 4, 3, 1, x, 3, x, 4, 0, x[:11], 4) },
	} {
		t.Run(name, func(t *testing.T) {
			thrown := func(b blas.Float32Level3) (v any) {
				defer func() { v = recover() }()
				f(b)
				return nil
			}
			want := thrown(gonum.Implementation{})
			if want == nil {
				t.Fatal("gonum does not panic")
			}
			if got := thrown(BLAS{}); got != want {
				t.Errorf("panic %v, want %v", got, want)
			}
		})
	}
}
