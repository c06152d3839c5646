package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
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

// withISA runs f as a subtest for each instruction set of this machine, or with the race detector for the best
// one only: goroutines are the same with all of them, and plain Go takes thirty times as long there.
func withISA(t *testing.T, name string, f func(t *testing.T)) {
	before := active
	defer func() { active = before }()
	sets := supported
	if raceEnabled {
		sets = sets[:1]
	}
	for _, s := range sets {
		active = s
		t.Run(name+"/"+s.name, f)
	}
}

// withProcs runs f with the given GOMAXPROCS.
func withProcs(procs int, f func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	f()
}

// gemmCase is a call of Gemm with its arguments.
type gemmCase struct {
	transA, transB bool
	m, n, k        int
	alpha, beta    float32
	a, b, c        []float32
	lda, ldb, ldc  int
}

// newGemmCase draws matrices whose rows are longer than their contents by pad.
func newGemmCase(rng *rand.Rand, transA, transB bool, m, n, k, pad int) *gemmCase {
	g := &gemmCase{transA: transA, transB: transB, m: m, n: n, k: k, alpha: 1, lda: k + pad, ldb: n + pad, ldc: n + pad}
	rowsA, rowsB := m, k
	if transA {
		rowsA, g.lda = k, m+pad
	}
	if transB {
		rowsB, g.ldb = n, k+pad
	}
	g.a, g.b, g.c = normal(rng, rowsA*g.lda), normal(rng, rowsB*g.ldb), normal(rng, m*g.ldc)
	return g
}

func (g *gemmCase) String() string {
	trans := map[bool]string{false: "N", true: "T"}
	return fmt.Sprintf("%s%s_%dx%dx%d", trans[g.transA], trans[g.transB], g.m, g.n, g.k)
}

// run returns C after the product, and leaves g as it is.
func (g *gemmCase) run() []float32 {
	c := slices.Clone(g.c)
	Gemm(g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, c, g.ldc)
	return c
}

// roundings is the error allowed for an element, in roundings of 2^-24 of the absolute sum of its terms. It is
// far below the worst case of k+2 and far above the usual √k; a wrong or missing term of normal matrices would be
// larger by orders of magnitude.
const roundings = 40

// reference holds op(A)·op(B) by the definition, in float64, and the sums of the terms' absolute values.
type reference struct {
	sum, size []float64
}

func (g *gemmCase) reference() reference {
	r := reference{make([]float64, g.m*g.n), make([]float64, g.m*g.n)}
	stepA, stepB := 1, g.ldb
	if g.transA {
		stepA = g.lda
	}
	if g.transB {
		stepB = 1
	}
	for i := range g.m {
		for j := range g.n {
			x, y := i*g.lda, j
			if g.transA {
				x = i
			}
			if g.transB {
				y = j * g.ldb
			}
			sum, size := 0.0, 0.0
			for range g.k {
				v := float64(g.a[x]) * float64(g.b[y])
				sum += v
				size += math.Abs(v)
				x += stepA
				y += stepB
			}
			r.sum[i*g.n+j], r.size[i*g.n+j] = sum, size
		}
	}
	return r
}

// check compares c with the reference.
func (g *gemmCase) check(t *testing.T, c []float32, r reference) {
	t.Helper()
	alpha, beta := float64(g.alpha), float64(g.beta)
	for i := range g.m {
		for j := range g.ldc {
			before, got := g.c[i*g.ldc+j], c[i*g.ldc+j]
			if j >= g.n {
				if got != before {
					t.Fatalf("%v: padding after row %d of C was changed", g, i)
				}
				continue
			}
			want, size := alpha*r.sum[i*g.n+j], math.Abs(alpha)*r.size[i*g.n+j]
			if beta != 0 {
				want += beta * float64(before)
				size += math.Abs(beta * float64(before))
			}
			if !(math.Abs(float64(got)-want) <= roundings*0x1p-24*size) {
				t.Fatalf("%v, alpha %v, beta %v: c[%d, %d] = %v, want %v", g, alpha, beta, i, j, got, want)
			}
		}
	}
}

// TestGemm goes through sizes around those of tiles, steps and blocks.
func TestGemm(t *testing.T) {
	shapes := [][3]int{
		{1, 1, 1}, {1, 37, 19}, {29, 1, 23}, {2, 3, 1}, {5, 7, 3}, {6, 16, 4}, {7, 17, 5}, {12, 31, 16}, {13, 33, 17},
		{14, 32, 64}, {15, 65, 63}, {28, 64, 31}, {31, 16, 400}, {64, 64, 32}, {64, 32, 64}, {3, 129, 769}, {97, 101, 103}, {1, 257, 800},
	}
	if !raceEnabled {
		shapes = append(shapes, [][3]int{{150, 200, 389}, {70, 300, 1201}, {515, 37, 97}, {1100, 40, 800}, {520, 130, 60}, {300, 60, 2000},
			{40, directColumns + 14, 820},       // A is packed, in more than one step of depth
			{40, directColumnsT + 14, 1021}}...) // and here since its rows, and three numbers more, are 4 KB apart
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range shapes {
		for trans := range 4 {
			g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], 3)
			r := g.reference()
			withISA(t, g.String(), func(t *testing.T) {
				for _, scales := range [][2]float32{{1, 0}, {1, 1}, {0.5, 0.5}, {-2, 1}} {
					g.alpha, g.beta = scales[0], scales[1]
					g.check(t, g.run(), r)
				}
			})
		}
	}
}

// TestGemmEmpty goes through sizes and scales that leave nothing to multiply.
func TestGemmEmpty(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name        string
		m, n, k     int
		alpha, beta float32
		want        []float32
	}{
		{"m 0", 0, 2, 2, 1, 0, []float32{1, 2, 3, 4}},
		{"n 0", 2, 0, 2, 1, 0, []float32{1, 2, 3, 4}},
		{"k 0", 2, 2, 0, 1, 0.5, []float32{0.5, 1, 1.5, 2}},
		{"k 0, beta 0", 2, 2, 0, 1, 0, []float32{0, 0, 0, 0}},
		{"alpha 0", 2, 2, 2, 0, 1, []float32{1, 2, 3, 4}},
		{"alpha 0, beta 2", 2, 2, 2, 0, 2, []float32{2, 4, 6, 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := []float32{nan, nan, nan, nan}
			got := []float32{1, 2, 3, 4}
			Gemm(false, false, c.m, c.n, c.k, c.alpha, x, 2, x, 2, c.beta, got, 2)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestGemmClears checks that with a beta of 0, the old contents of C are not multiplied.
func TestGemmClears(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, s := range [][3]int{{1, 40, 30}, {17, 35, 20}, {90, 100, 500}} {
		for trans := range 4 {
			g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], 0)
			r := g.reference()
			for i := range g.c {
				g.c[i] = float32(math.NaN())
			}
			withISA(t, g.String(), func(t *testing.T) { g.check(t, g.run(), r) })
		}
	}
}

// TestGemmShort checks that slices that are too short are detected before the assembly runs past their end.
func TestGemmShort(t *testing.T) {
	x := make([]float32, 64)
	for name, f := range map[string]func(){
		"A":   func() { Gemm(false, false, 8, 8, 8, 1, x[:63], 8, x, 8, 0, x, 8) },
		"B":   func() { Gemm(true, true, 8, 8, 8, 1, x, 8, x[:63], 8, 0, x, 8) },
		"C":   func() { Gemm(false, false, 8, 8, 8, 1, x, 8, x, 8, 0, x[:63], 8) },
		"lda": func() { Gemm(false, false, 4, 4, 8, 1, x, 7, x, 8, 0, x, 8) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// TestGemmProcs requires the same bits for any GOMAXPROCS.
func TestGemmProcs(t *testing.T) {
	shapes := [][3]int{{1, 3000, 400}, {64, 770, 500}, {300, 129, 390}, {1100, 60, 390}, {30, 300, 800}}
	if raceEnabled {
		shapes = [][3]int{{1, 2000, 300}, {90, 90, 90}}
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for _, s := range shapes {
		for trans := range 4 {
			g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], 0)
			g.alpha, g.beta = 0.7, 0.5
			withISA(t, g.String(), func(t *testing.T) {
				var want []float32
				for _, procs := range []int{1, 2, 4} {
					withProcs(procs, func() {
						for range 3 {
							got := g.run()
							if want == nil {
								want = got
							}
							if !slices.Equal(got, want) {
								t.Fatalf("GOMAXPROCS %d changes the result", procs)
							}
						}
					})
				}
			})
		}
	}
}

// TestGemmConcurrent multiplies from several goroutines, and from inside For.
func TestGemmConcurrent(t *testing.T) {
	withISA(t, "", func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		var cases []*gemmCase
		for _, s := range [][3]int{{40, 50, 60}, {100, 120, 90}, {1, 2000, 300}, {8, 2000, 300}} {
			for trans := range 4 {
				cases = append(cases, newGemmCase(rng, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], 1))
			}
		}
		want := make([][]float32, len(cases))
		for i, g := range cases {
			want[i] = g.run()
		}
		withProcs(4, func() {
			var group sync.WaitGroup
			for range 3 {
				group.Go(func() {
					For(len(cases), 1, func(lo, hi int) {
						for i := lo; i < hi; i++ {
							if !slices.Equal(cases[i].run(), want[i]) {
								t.Errorf("%v: a neighbour changes the result", cases[i])
							}
						}
					})
				})
			}
			group.Wait()
		})
	})
}

// TestGemmAllocates checks that a product does not allocate once its buffers exist.
func TestGemmAllocates(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, s := range [][3]int{{20, 20, 20}, {200, 200, 200}, {1, 2000, 300}, {8, 2000, 300}} {
		for trans := range 4 {
			g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], 0)
			withProcs(2, func() {
				wantNoAllocations(t, g.String(), func() {
					Gemm(g.transA, g.transB, g.m, g.n, g.k, 1, g.a, g.lda, g.b, g.ldb, 0, g.c, g.ldc)
				})
			})
		}
	}
}
