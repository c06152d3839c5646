package kernel

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// TestGemmMXFP4: the product with blocks has the bits of the product with the numbers that they are, for any number of rows and
// processors.
func TestGemmMXFP4(t *testing.T) {
	withISA(t, "mxfp4", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		for _, c := range []struct{ m, n, k int }{{1, 1, 32}, {1, 70, 64}, {3, 33, 96}, {13, 129, 64}, {40, 96, 2880}, {1, 300, 2880}, {200, 64, 992}} {
			blocks, scales := make([]byte, c.n*c.k/2), make([]byte, c.n*c.k/MXFP4Block)
			for i := range blocks {
				blocks[i] = byte(random.Uint32())
			}
			for i := range scales {
				scales[i] = byte(120 + random.IntN(8))
			}
			a, b := make([]float32, c.m*c.k), make([]float32, c.n*c.k)
			for i := range a {
				a[i] = float32(random.NormFloat64())
			}
			DecodeMXFP4(b, blocks, scales)
			for _, rows := range []int{1, c.m, math.MaxInt} {
				want, got := make([]float32, c.m*c.n), make([]float32, c.m*c.n)
				GemmLike(Float32, rows, false, true, c.m, c.n, c.k, 1, a, c.k, b, c.k, 0, want, c.n)
				for _, procs := range []int{1, 2, 4} {
					before := runtime.GOMAXPROCS(procs)
					GemmMXFP4(Float32, rows, c.m, c.n, c.k, a, blocks, scales, got)
					runtime.GOMAXPROCS(before)
					if !slices.Equal(got, want) {
						t.Errorf("%d×%d×%d like %d rows, %d processors: other bits than the product of numbers", c.m, c.n, c.k, rows, procs)
					}
				}
			}
		}
	})
}

func BenchmarkGemmMXFP4(b *testing.B) {
	const n, k = 2880, 2880
	blocks, scales := make([]byte, n*k/2), slices.Repeat([]byte{120}, n*k/MXFP4Block)
	for i := range blocks {
		blocks[i] = byte(i * 7)
	}
	a, c, y := make([]float32, k), make([]float32, n), make([]float32, n*k)
	DecodeMXFP4(y, blocks, scales)
	b.Run("packed", func(b *testing.B) {
		b.SetBytes(int64(len(blocks)))
		for b.Loop() {
			GemmMXFP4(Float32, 1, 1, n, k, a, blocks, scales, c)
		}
	})
	b.Run("float32", func(b *testing.B) {
		b.SetBytes(int64(4 * len(y)))
		for b.Loop() {
			GemmLike(Float32, 1, false, true, 1, n, k, 1, a, k, y, k, 0, c, n)
		}
	})
}
