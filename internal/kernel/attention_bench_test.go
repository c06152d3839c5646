package kernel

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkAttention times a layer of gpt2, in GFLOP/s of the products that the causal mask leaves: two forward,
// five backward.
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

// BenchmarkWindow times a layer of 12 heads of 64 at 2,048 positions, forward and backward, alternately with and
// without a window of 256, and reports the ratio of the shortest times. The window leaves 0.234 of the keys that
// positions see without one.
func BenchmarkWindow(b *testing.B) {
	dense := Attention{Batch: 1, Context: 2048, Heads: 12, KVHeads: 12, Scale: 0.125}
	banded := Attention{Batch: 1, Context: 2048, Heads: 12, KVHeads: 12, Scale: 0.125, Window: 256}
	width := dense.Heads * 64
	_, qkv := dense.fused(func(n int) []float32 { return normals(1, n) }, dense.Context, sizes{64, 64})
	_, dqkv := dense.fused(func(n int) []float32 { return make([]float32, n) }, dense.Context, sizes{64, 64})
	out, dout, stats := make([]float32, dense.Context*width), normals(2, dense.Context*width), make([]float32, dense.StatsSize())
	shortest := func(a *Attention, before time.Duration) time.Duration {
		start := time.Now()
		a.Forward(out, stats, qkv, Mask{})
		a.Backward(dqkv, dout, qkv, out, stats, Mask{})
		return min(before, time.Since(start))
	}
	all, some := time.Hour, time.Hour
	for b.Loop() {
		all, some = shortest(&dense, all), shortest(&banded, some)
	}
	b.ReportMetric(all.Seconds()*1e3, "ms-dense")
	b.ReportMetric(some.Seconds()*1e3, "ms-banded")
	b.ReportMetric(some.Seconds()/all.Seconds(), "ratio")
}

// BenchmarkVariants times a layer of 12 heads of 64 at 1,024 positions, forward and backward, alternately with
// and without changes to its scores, and reports the ratios of the shortest times.
func BenchmarkVariants(b *testing.B) {
	slopes := make([]float32, 12)
	sinks := make([]float32, 12)
	plain := Attention{Batch: 1, Context: 1024, Heads: 12, KVHeads: 12, Scale: 0.125}
	width := plain.Heads * 64
	_, in := plain.fused(func(n int) []float32 { return normals(1, n) }, plain.Context, sizes{64, 64})
	_, grad := plain.fused(func(n int) []float32 { return make([]float32, n) }, plain.Context, sizes{64, 64})
	out, dout, stats := make([]float32, plain.Context*width), normals(2, plain.Context*width), make([]float32, plain.StatsSize())
	names := []string{"plain", "soft-cap", "slopes", "sinks"}
	shortest := make([]time.Duration, len(names))
	for b.Loop() {
		for i := range names {
			a, in, grad := plain, in, grad
			switch i {
			case 1:
				a.SoftCap = 50
			case 2:
				a.Slopes = slopes
			case 3:
				in.Sinks, grad.Sinks = sinks, make([]float32, 12)
			}
			start := time.Now()
			a.Forward(out, stats, in, Mask{})
			a.Backward(grad, dout, in, out, stats, Mask{})
			if took := time.Since(start); shortest[i] == 0 || took < shortest[i] {
				shortest[i] = took
			}
		}
	}
	for i, name := range names {
		b.ReportMetric(shortest[i].Seconds()/shortest[0].Seconds(), name)
	}
}

// BenchmarkCachedWindow times attention of a new position of 12 heads of 64 after 300 and after 2,000 others,
// alternately with and without a window of 256, and reports the shortest times.
func BenchmarkCachedWindow(b *testing.B) {
	const capacity, heads, size = 2048, 12, 64
	x, out := normals(1, 3*heads*size), make([]float32, heads*size)
	in := QKV{Q: Heads{x, 3 * heads * size, size}, K: Heads{x[heads*size:], 3 * heads * size, size}, V: Heads{x[2*heads*size:], 3 * heads * size, size}}
	shortest := make(map[string]time.Duration)
	kept := [2][]float32{normals(2, capacity*heads*size), normals(3, capacity*heads*size)}
	for b.Loop() {
		for _, window := range []int{0, 256} {
			for _, past := range []int{300, 2000} {
				a := CachedAttention{Batch: 1, New: 1, Capacity: capacity, Heads: heads, KVHeads: heads, Scale: 0.125, Window: window}
				name := fmt.Sprintf("µs-window-%d-past-%d", window, past)
				for range 20 {
					start := time.Now()
					if err := a.Forward(out, kept[0], kept[1], in, []int{past}, nil); err != nil {
						b.Fatal(err)
					}
					if took := time.Since(start); shortest[name] == 0 || took < shortest[name] {
						shortest[name] = took
					}
				}
			}
		}
	}
	for name, took := range shortest {
		b.ReportMetric(took.Seconds()*1e6, name)
	}
}
