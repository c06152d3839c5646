package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// rounded is x in bfloat16.
func rounded(x []float32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = math.Float32frombits(roundBFloat16(v) << 16)
	}
	return y
}

// runPairs is run in bfloat16.
func (g *gemmCase) runPairs() []float32 {
	c := slices.Clone(g.c)
	GemmLike(BFloat16, g.m, g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, c, g.ldc)
	return c
}

// TestGemmPairs compares products in bfloat16 with float64 products of rounded operands, within the bounds of
// float32, and with plain Go, bit for bit.
func TestGemmPairs(t *testing.T) {
	shapes := [][3]int{
		{1, 1, 1}, {1, 37, 19}, {29, 1, 23}, {2, 3, 1}, {5, 7, 3}, {6, 16, 4}, {7, 17, 5}, {12, 31, 16}, {13, 33, 17}, {14, 32, 64}, {15, 65, 63}, {28, 64, 31},
		{31, 16, 400}, {64, 64, 32}, {64, 32, 64}, {3, 129, 769}, {97, 101, 103}, {1, 257, 800}, {20, 40, 1543},
	}
	if !raceEnabled {
		shapes = append(shapes, [][3]int{{150, 200, 389}, {40, 300, 1541}, {515, 37, 97}, {1100, 40, 800}, {520, 130, 60}, {70, 300, 2402}, {30, 1550, 820}}...)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i, s := range shapes {
		for trans := range 4 {
			if raceEnabled && (i+trans)%4 > 0 {
				continue // the reference takes long
			}
			g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], 3)
			r := *g
			r.a, r.b = rounded(g.a), rounded(g.b)
			want := r.reference()
			bits := make(map[string][]float32)
			withPairs(t, g.String(), func(t *testing.T, plain bool) {
				if plain && s[0]*s[1]*s[2] > 1<<20 {
					t.Skip("slow in plain Go")
				}
				for _, scales := range [][2]float32{{1, 0}, {1, 1}, {0.5, 0.5}, {-2, 1}} {
					g.alpha, g.beta = scales[0], scales[1]
					got := g.runPairs()
					g.check(t, got, want)
					key := sums() + fmt.Sprint(scales)
					if before := bits[key]; before != nil && !slices.Equal(before, got) {
						t.Errorf("alpha %v, beta %v: other bits than in plain Go", g.alpha, g.beta)
					}
					bits[key] = got
				}
			})
		}
	}
}

// TestGemmPairsClears checks that with a beta of 0, the old contents of C are not multiplied.
func TestGemmPairsClears(t *testing.T) {
	g := newGemmCase(rand.New(rand.NewPCG(3, 4)), false, false, 17, 35, 21, 0)
	want := g.reference()
	for i := range g.c {
		g.c[i] = float32(math.NaN())
	}
	withPairs(t, "", func(t *testing.T, _ bool) {
		for i, v := range g.runPairs() {
			if !(math.Abs(float64(v)-want.sum[i]) <= 0x1p-6*want.size[i]) {
				t.Fatalf("element %d is %v, want %v", i, v, want.sum[i])
			}
		}
	})
}

// TestGemmPairsProcs requires the same bits for any GOMAXPROCS, and for a row whatever other rows there are.
func TestGemmPairsProcs(t *testing.T) {
	shapes := [][3]int{{1, 3000, 400}, {64, 770, 500}, {300, 129, 1590}, {1100, 60, 390}}
	if raceEnabled {
		shapes = [][3]int{{1, 200, 300}, {90, 90, 90}}
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for _, s := range shapes {
		for trans := range 4 {
			g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], 0)
			g.alpha, g.beta = 0.7, 0.5
			withPairs(t, g.String(), func(t *testing.T, plain bool) {
				if plain {
					t.Skip("slow in plain Go")
				}
				var want []float32
				for _, procs := range []int{1, 2, 4} {
					withProcs(procs, func() {
						for range 3 {
							got := g.runPairs()
							if want == nil {
								want = got
							}
							if !slices.Equal(got, want) {
								t.Fatalf("GOMAXPROCS %d changes the result", procs)
							}
						}
					})
				}
				last := g.m - 1
				a := g.a[last:]
				if !g.transA {
					a = g.a[last*g.lda:]
				}
				row := slices.Clone(g.c[last*g.ldc:])
				GemmLike(BFloat16, 1, g.transA, g.transB, 1, g.n, g.k, g.alpha, a, g.lda, g.b, g.ldb, g.beta, row, g.ldc)
				if !slices.Equal(row, want[last*g.ldc:]) {
					t.Error("a row alone has other bits")
				}
			})
		}
	}
}

// TestGemmPairsAllocates counts what a product allocates once its buffers are there: nothing.
func TestGemmPairsAllocates(t *testing.T) {
	if BFloat16.Check() != nil {
		t.Skip(BFloat16.Check())
	}
	rng := rand.New(rand.NewPCG(9, 10))
	for _, s := range [][3]int{{20, 20, 20}, {200, 200, 200}, {8, 2000, 300}} {
		for trans := range 4 {
			g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], 0)
			withProcs(2, func() {
				wantNoAllocations(t, g.String(), func() {
					GemmLike(BFloat16, g.m, g.transA, g.transB, g.m, g.n, g.k, 1, g.a, g.lda, g.b, g.ldb, 0, g.c, g.ldc)
				})
			})
		}
	}
}

// BenchmarkGemmPrecision multiplies the larger matrices of GPT-2 124M in both precisions.
func BenchmarkGemmPrecision(b *testing.B) {
	for _, c := range []struct {
		trans   string
		m, n, k int
	}{
		{"NN", 256, 2304, 768}, {"NN", 256, 768, 3072}, {"NT", 256, 768, 3072}, {"TN", 768, 3072, 256}, {"NN", 1024, 3072, 768}, {"NT", 1024, 768, 3072},
		{"TN", 768, 3072, 1024}, {"NT", 256, 50257, 768}, {"NN", 256, 768, 50257}, {"TN", 50257, 768, 256},
	} {
		g := newGemmCase(rand.New(rand.NewPCG(1, 2)), c.trans[0] == 'T', c.trans[1] == 'T', c.m, c.n, c.k, 0)
		if g.transA {
			g.beta = 1 // gradients of weights add up
		}
		for _, p := range []Precision{Float32, BFloat16} {
			if p.Check() != nil {
				continue
			}
			b.Run(g.String()+"/"+p.String(), func(b *testing.B) {
				for b.Loop() {
					GemmLike(p, g.m, g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, g.c, g.ldc)
				}
				reportFLOPs(b, g.m, g.n, g.k)
			})
		}
	}
}
