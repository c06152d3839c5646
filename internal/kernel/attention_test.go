package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// tolAttention bounds the error of attention and its gradient against float64, relative to the
// largest element: sums of a few hundred products.
const tolAttention = 3e-6

// attention64 is a, forward and backward, written out in float64.
func attention64(a *Attention, qkv, dout []float32, mask Mask) (out, dqkv []float64) {
	width := a.Heads * a.Size
	out, dqkv = make([]float64, len(dout)), make([]float64, len(qkv))
	for head := range a.Batch * a.Heads {
		b, h := head/a.Heads, head%a.Heads
		q := func(t, part int) int { return (b*a.Context+t)*3*width + part*width + h*a.Size }
		o := func(t int) int { return (b*a.Context+t)*width + h*a.Size }
		for t := range a.Context {
			start := 0
			if a.Window > 0 {
				start = max(0, t-a.Window+1)
			}
			p, kept := make([]float64, a.Context), make([]float64, a.Context)
			largest, total := math.Inf(-1), 0.0
			for u := start; u <= t; u++ {
				for d := range a.Size {
					p[u] += float64(a.Scale) * float64(qkv[q(t, 0)+d]) * float64(qkv[q(u, 1)+d])
				}
				largest = max(largest, p[u])
			}
			for u := start; u <= t; u++ {
				p[u] = math.Exp(p[u] - largest)
				total += p[u]
			}
			var dot float64
			dp := make([]float64, a.Context)
			for u := start; u <= t; u++ {
				p[u] /= total
				factor := float64(mask.At((uint64(head)*uint64(a.Context)+uint64(t))*uint64(a.Context) + uint64(u)))
				kept[u] = p[u] * factor
				for d := range a.Size {
					out[o(t)+d] += kept[u] * float64(qkv[q(u, 2)+d])
					dp[u] += factor * float64(dout[o(t)+d]) * float64(qkv[q(u, 2)+d])
				}
				dot += p[u] * dp[u]
			}
			for u := start; u <= t; u++ {
				ds := float64(a.Scale) * p[u] * (dp[u] - dot)
				for d := range a.Size {
					dqkv[q(u, 2)+d] += kept[u] * float64(dout[o(t)+d])
					dqkv[q(t, 0)+d] += ds * float64(qkv[q(u, 1)+d])
					dqkv[q(u, 1)+d] += ds * float64(qkv[q(t, 0)+d])
				}
			}
		}
	}
	return out, dqkv
}

// TestAttention compares with float64 at contexts around the sizes of tiles and blocks, with all
// memory full of NaN before, and demands the same bits for any GOMAXPROCS.
func TestAttention(t *testing.T) {
	for _, c := range []struct {
		a    *Attention
		rate float64
	}{
		{&Attention{Batch: 2, Context: 1, Heads: 2, Size: 3}, 0},
		{&Attention{Batch: 2, Context: 7, Heads: 1, Size: 1}, 0},
		{&Attention{Batch: 1, Context: 64, Heads: 3, Size: 32}, 0},
		{&Attention{Batch: 2, Context: 64, Heads: 2, Size: 5}, 0.2},
		{&Attention{Batch: 1, Context: keyBlock, Heads: 2, Size: 16}, 0},
		{&Attention{Batch: 1, Context: keyBlock + 1, Heads: 1, Size: 33}, 0},
		{&Attention{Batch: 1, Context: 2*keyBlock + 45, Heads: 2, Size: 64}, 0.1},
		{&Attention{Batch: 1, Context: 2*valueStep + 131, Heads: 1, Size: 80}, 0},
		{&Attention{Batch: 1, Context: 300, Heads: 1, Size: 8, Window: 1}, 0},
		{&Attention{Batch: 1, Context: 300, Heads: 2, Size: 8, Window: 40}, 0.1},
		{&Attention{Batch: 1, Context: 600, Heads: 1, Size: 16, Window: 257}, 0},
		{&Attention{Batch: 1, Context: 90, Heads: 1, Size: 16, Window: 1000}, 0},
	} {
		a := c.a
		a.Scale = float32(1 / math.Sqrt(float64(a.Size)))
		rows, width := a.Batch*a.Context, a.Heads*a.Size
		qkv, dout := normals(1, rows*3*width), normals(2, rows*width)
		mask := NewMask(c.rate, 3, 4, 5)
		want, dwant := attention64(a, qkv, dout, mask)
		withISA(t, fmt.Sprintf("%dx%d heads %d size %d window %d rate %v", a.Batch, a.Context, a.Heads, a.Size, a.Window, c.rate), func(t *testing.T) {
			var before []float32
			for _, procs := range []int{1, 2, 3} {
				out, dqkv, stats := nans(len(dout)), nans(len(qkv)), nans(a.StatsSize())
				for range procs {
					a.work.giveBack(nans(1 << 21))
				}
				withProcs(procs, func() {
					a.Forward(out, stats, qkv, mask)
					a.Backward(dqkv, dout, qkv, out, stats, mask)
				})
				if e := worst(out, want); !(e <= tolAttention) {
					t.Errorf("forward is off by %.2g of the largest element", e)
				}
				if e := worst(dqkv, dwant); !(e <= tolAttention) {
					t.Errorf("backward is off by %.2g of the largest element", e)
				}
				got := slices.Concat(out, dqkv)
				if before != nil && !slices.Equal(before, got) {
					t.Errorf("GOMAXPROCS %d changes the result", procs)
				}
				before = got
				a.work.free = nil
			}
		})
	}
}

// nans returns n elements that nobody may read.
func nans(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.NaN())
	}
	return x
}

// worst is the largest error relative to the largest wanted element.
func worst(got []float32, want []float64) float64 {
	var largest, e float64
	for i, w := range want {
		largest = max(largest, math.Abs(w))
		e = max(e, math.Abs(float64(got[i])-w))
	}
	return e / largest
}
