package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkAttention times a layer of gpt2 in GFLOP/s of the products that the causal mask leaves:
// two forward, five backward.
func BenchmarkAttention(b *testing.B) {
	for _, c := range []struct{ batch, context, heads, kv, size int }{{1, 1024, 12, 12, 64}, {4, 64, 12, 12, 64}, {12, 64, 4, 4, 32}, {1, 1024, 12, 4, 64}} {
		a := Attention{Batch: c.batch, Context: c.context, Heads: c.heads, KVHeads: c.kv, Scale: 0.125}
		rows, width := c.batch*c.context, c.heads*c.size
		_, qkv := a.fused(func(n int) []float32 { return normals(1, n) }, rows, sizes{c.size, c.size})
		_, dqkv := a.fused(func(n int) []float32 { return make([]float32, n) }, rows, sizes{c.size, c.size})
		out, dout, stats := make([]float32, rows*width), normals(2, rows*width), make([]float32, a.StatsSize())
		product := 2 * float64(rows) * float64(c.context) / 2 * float64(width)
		bench := func(name string, products float64, f func()) {
			b.Run(fmt.Sprintf("%s/%dx%d/%d", name, c.batch, c.context, c.heads/c.kv), func(b *testing.B) {
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
