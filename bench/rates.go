package bench

import (
	"time"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// GemmRate returns the rate, in 1e9 operations per second, of the product that widens the rows of
// an MLP, the best of several runs.
func GemmRate(rows, width int) float64 {
	wide := 4 * width
	a, b, out := make([]float32, rows*width), make([]float32, width*wide), make([]float32, rows*wide)
	kernel.Normal(a, 1, 1, 0, 1)
	kernel.Normal(b, 1, 2, 0, 1)
	best := 0.0
	for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); {
		start := time.Now()
		kernel.Gemm(false, false, rows, wide, width, 1, a, width, b, wide, 0, out, wide)
		best = max(best, 2*float64(rows)*float64(width)*float64(wide)/time.Since(start).Seconds()/1e9)
	}
	return best
}

// readRate returns the rate at which all threads together read memory, in an array larger than any
// cache: third-level caches of servers have up to half a gigabyte. It is the best of several runs
// of two loops: one stream after another, and pairs of rows of 3 KB as in GPT-2's head, which
// Sapphire Rapids reads fastest.
func readRate() float64 {
	const width, rows = 768, 1 << 28 / 768 // 1 GB
	x := kernel.Floats(rows * width)
	for i := range x {
		x[i] = 1
	}
	row, products := make([]float32, width), make([]float32, rows)
	best := 0.0
	for _, read := range []func(){
		func() { kernel.SumSquares(x) },
		func() { kernel.Gemm(false, true, 1, rows, width, 1, row, width, x, width, 0, products, rows) },
	} {
		for range 6 {
			start := time.Now()
			read()
			best = max(best, float64(4*len(x))/time.Since(start).Seconds()/1e9)
		}
	}
	return best
}
