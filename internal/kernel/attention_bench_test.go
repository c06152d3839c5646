package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkAttention times a layer of gpt2 in GFLOP/s of the products that the causal mask leaves:
// two forward, five backward.
func BenchmarkAttention(b *testing.B) {
	for _, c := range []struct{ batch, context, heads, size int }{{1, 1024, 12, 64}, {4, 64, 12, 64}, {12, 64, 4, 32}} {
		a := Attention{Batch: c.batch, Context: c.context, Heads: c.heads, Size: c.size, Scale: 0.125}
		rows, width := c.batch*c.context, c.heads*c.size
		qkv, dqkv := normals(1, rows*3*width), make([]float32, rows*3*width)
		out, dout, stats := make([]float32, rows*width), normals(2, rows*width), make([]float32, a.StatsSize())
		product := 2 * float64(rows) * float64(c.context) / 2 * float64(width)
		bench := func(name string, products float64, f func()) {
			b.Run(fmt.Sprintf("%s/%dx%d", name, c.batch, c.context), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(products*product*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
		bench("Forward", 2, func() { a.Forward(out, stats, qkv, Mask{}) })
		bench("Backward", 5, func() { a.Backward(dqkv, dout, qkv, out, stats, Mask{}) })
	}
}
