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

// sizes are those of heads, of queries and keys and of values.
type sizes struct{ key, value int }

// fused returns a matrix (rows, ·) of queries, keys and values side by side, and views of the three.
func (a *Attention) fused(data func(n int) []float32, rows int, size sizes) ([]float32, QKV) {
	q, k, v := a.Heads*size.key, a.KVHeads*size.key, a.KVHeads*size.value
	x := data(rows * (q + k + v))
	return x, QKV{Q: Heads{x, q + k + v, size.key}, K: Heads{x[q:], q + k + v, size.key}, V: Heads{x[q+k:], q + k + v, size.value}}
}

// sinks returns sinks if there are slopes, so that cases with slopes test sinks too.
func (a *Attention) sinks() []float32 {
	if a.Slopes == nil {
		return nil
	}
	return normals(3, a.Heads)
}

// apart copies x to three matrices that have further columns, of NaN, on both sides.
func (a *Attention) apart(x QKV, rows int) QKV {
	one := func(h Heads, heads int) Heads {
		width := heads * h.Size
		data := nans(rows * (width + 5))
		for r := range rows {
			copy(data[r*(width+5)+2:][:width], h.from(r, 0))
		}
		return Heads{data[2:], width + 5, h.Size}
	}
	return QKV{Q: one(x.Q, a.Heads), K: one(x.K, a.KVHeads), V: one(x.V, a.KVHeads), Sinks: x.Sinks}
}

// compact returns the elements of heads without the elements between them.
func compact(h Heads, heads, rows int) (out []float32) {
	for r := range rows {
		out = append(out, h.from(r, 0)[:heads*h.Size]...)
	}
	return out
}

// attention64 is attention written out in float64. It returns the output and the gradients of queries, keys and
// values, compact, and of sinks.
func attention64(a *Attention, in QKV, dout []float32, mask Mask) (out, grads []float64) {
	at := func(h Heads, row, head, d int) float64 { return float64(h.from(row, head)[d]) }
	rows, width := a.Batch*a.Context, a.Heads*in.V.Size
	out = make([]float64, rows*width)
	dsinks := make([]float64, len(in.Sinks))
	dq, dk, dv := make([]float64, rows*a.Heads*in.Q.Size), make([]float64, rows*a.KVHeads*in.K.Size), make([]float64, rows*a.KVHeads*in.V.Size)
	for head := range a.Batch * a.Heads {
		from, h := head/a.Heads*a.Context, head%a.Heads
		kv := h / (a.Heads / a.KVHeads)
		for t := range a.Context {
			start := 0
			if a.Window > 0 {
				start = max(0, t-a.Window+1)
			}
			row := from + t
			p, kept := make([]float64, a.Context), make([]float64, a.Context)
			largest, total, slopes := math.Inf(-1), 0.0, make([]float64, a.Context)
			if in.Sinks != nil {
				largest = float64(in.Sinks[h])
			}
			for u := start; u <= t; u++ {
				for d := range in.K.Size {
					p[u] += float64(a.Scale) * at(in.Q, row, h, d) * at(in.K, from+u, kv, d)
				}
				slopes[u] = 1
				if limit := float64(a.SoftCap); limit > 0 {
					tanh := math.Tanh(p[u] / limit)
					p[u], slopes[u] = limit*tanh, 1-tanh*tanh
				}
				if a.Slopes != nil {
					p[u] -= float64(a.Slopes[h]) * float64(t-u)
				}
				largest = max(largest, p[u])
			}
			if in.Sinks != nil {
				total = math.Exp(float64(in.Sinks[h]) - largest)
			}
			sink := total
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
				for d := range in.V.Size {
					o, value := row*width+h*in.V.Size+d, at(in.V, from+u, kv, d)
					out[o] += kept[u] * value
					dp[u] += factor * float64(dout[o]) * value
					dv[((from+u)*a.KVHeads+kv)*in.V.Size+d] += kept[u] * float64(dout[o])
				}
				dot += p[u] * dp[u]
			}
			for u := start; u <= t; u++ {
				ds := float64(a.Scale) * slopes[u] * p[u] * (dp[u] - dot)
				for d := range in.K.Size {
					dq[(row*a.Heads+h)*in.Q.Size+d] += ds * at(in.K, from+u, kv, d)
					dk[((from+u)*a.KVHeads+kv)*in.K.Size+d] += ds * at(in.Q, row, h, d)
				}
			}
			if in.Sinks != nil {
				dsinks[h] -= sink / total * dot
			}
		}
	}
	return out, slices.Concat(dq, dk, dv, dsinks)
}

// slopes are those of up to six heads.
var slopes = []float32{0.5, 0.1, 0.02, 1.5, 0, 0.25}

// attentionCase is attention, and what TestAttention gives it.
type attentionCase struct {
	a    *Attention
	size sizes
	rate float64
}

// attentionCases have contexts around the sizes of tiles and blocks.
func attentionCases() []attentionCase {
	cases := []attentionCase{
		// Variants of the scores; of sinks, where there are slopes.
		{&Attention{Batch: 2, Context: 1, Heads: 2, KVHeads: 1, Variants: Variants{2, slopes}}, sizes{3, 3}, 0},
		{&Attention{Batch: 2, Context: 65, Heads: 2, KVHeads: 2, Variants: Variants{SoftCap: 0.5}}, sizes{16, 16}, 0.2},
		{&Attention{Batch: 1, Context: keyBlock + 70, Heads: 6, KVHeads: 2, Variants: Variants{0, slopes}}, sizes{16, 16}, 0.1},
		{&Attention{Batch: 2, Context: 2*keyBlock + 45, Heads: 4, KVHeads: 1, Window: 257, Variants: Variants{2, slopes}}, sizes{7, 40}, 0},
		{&Attention{Batch: 2, Context: 130, Heads: 3, KVHeads: 1, Window: 5, Variants: Variants{2, slopes}}, sizes{8, 8}, 0},
		{&Attention{Batch: 2, Context: 1, Heads: 2, KVHeads: 2}, sizes{3, 3}, 0},
		{&Attention{Batch: 2, Context: 7, Heads: 1, KVHeads: 1}, sizes{1, 1}, 0},
		{&Attention{Batch: 1, Context: 64, Heads: 3, KVHeads: 3}, sizes{32, 32}, 0},
		{&Attention{Batch: 2, Context: 64, Heads: 2, KVHeads: 2}, sizes{5, 5}, 0.2},
		{&Attention{Batch: 1, Context: keyBlock, Heads: 2, KVHeads: 2}, sizes{16, 16}, 0},
		{&Attention{Batch: 1, Context: keyBlock + 1, Heads: 1, KVHeads: 1}, sizes{33, 33}, 0},
		{&Attention{Batch: 1, Context: 2*keyBlock + 45, Heads: 2, KVHeads: 2}, sizes{64, 64}, 0.1},
		{&Attention{Batch: 1, Context: 2*valueStep + 131, Heads: 1, KVHeads: 1}, sizes{80, 80}, 0},
		{&Attention{Batch: 1, Context: 300, Heads: 1, KVHeads: 1, Window: 1}, sizes{8, 8}, 0},
		{&Attention{Batch: 1, Context: 300, Heads: 2, KVHeads: 2, Window: 40}, sizes{8, 8}, 0.1},
		{&Attention{Batch: 1, Context: 600, Heads: 1, KVHeads: 1, Window: 257}, sizes{16, 16}, 0},
		{&Attention{Batch: 1, Context: 90, Heads: 1, KVHeads: 1, Window: 1000}, sizes{16, 16}, 0},
		// Grouped queries, and values of another size.
		{&Attention{Batch: 2, Context: 9, Heads: 4, KVHeads: 2}, sizes{6, 6}, 0},
		{&Attention{Batch: 1, Context: keyBlock + 70, Heads: 6, KVHeads: 2}, sizes{16, 16}, 0.1},
		{&Attention{Batch: 2, Context: 130, Heads: 3, KVHeads: 1, Window: 33}, sizes{8, 8}, 0},
		{&Attention{Batch: 1, Context: 2*valueStep + 3, Heads: 2, KVHeads: 1}, sizes{7, 40}, 0},
		{&Attention{Batch: 2, Context: 40, Heads: 2, KVHeads: 2}, sizes{24, 5}, 0.2},
	}
	for _, c := range cases {
		c.a.Scale = float32(1 / math.Sqrt(float64(c.size.key)))
	}
	return cases
}

func (c attentionCase) String() string {
	a := c.a
	return fmt.Sprintf("%dx%d heads %d/%d size %v window %d rate %v %+v", a.Batch, a.Context, a.Heads, a.KVHeads, c.size, a.Window, c.rate, a.Variants)
}

// TestAttention compares with float64 at contexts around the sizes of tiles and blocks, with all memory filled
// with NaN before. It requires the same bits for any GOMAXPROCS, and whether or not queries, keys and values are
// parts of one matrix.
func TestAttention(t *testing.T) {
	for i, c := range attentionCases() {
		if raceEnabled && i%3 > 0 {
			continue // the reference takes long
		}
		a := c.a
		rows := a.Batch * a.Context
		_, in := a.fused(func(n int) []float32 { return normals(1, n) }, rows, c.size)
		in.Sinks = a.sinks()
		dout := normals(2, rows*a.Heads*c.size.value)
		mask := NewMask(c.rate, 3, 4, 5)
		want, dwant := attention64(a, in, dout, mask)
		withISA(t, c.String(), func(t *testing.T) {
			var before []float32
			for _, procs := range []int{1, 2, 3} {
				out, stats := nans(len(dout)), nans(a.StatsSize())
				all, grad := a.fused(nans, rows, c.size)
				in := in
				grad.Sinks = nans(len(in.Sinks))
				if procs == 3 {
					in, grad = a.apart(in, rows), a.apart(grad, rows)
				}
				for range procs {
					attentionWork.giveBack(nans(1 << 21))
				}
				withProcs(procs, func() {
					a.Forward(out, stats, in, mask)
					a.Backward(grad, dout, in, out, stats, mask)
				})
				if e := worst(out, want); !(e <= tolAttention) {
					t.Errorf("forward is off by %.2g of the largest element", e)
				}
				grads := slices.Concat(compact(grad.Q, a.Heads, rows), compact(grad.K, a.KVHeads, rows), compact(grad.V, a.KVHeads, rows), grad.Sinks)
				if e := worst(grads, dwant); !(e <= tolAttention) {
					t.Errorf("backward is off by %.2g of the largest element", e)
				}
				got := slices.Concat(out, grads)
				if procs < 3 && slices.ContainsFunc(slices.Concat(all, grad.Sinks), func(v float32) bool { return v != v }) {
					t.Error("a part of the gradient is not filled")
				}
				if procs == 3 {
					for i, g := range []Heads{grad.Q, grad.K, grad.V} {
						width := g.Stride - 5
						for r := range rows - 1 {
							if between := g.from(r, 0)[width:g.Stride]; slices.ContainsFunc(between, func(v float32) bool { return v == v }) {
								t.Fatalf("columns beside the gradient of %c are written: %v", "qkv"[i], between)
							}
						}
					}
				}
				if before != nil && !slices.Equal(before, got) {
					t.Errorf("GOMAXPROCS %d, or strides, change the result", procs)
				}
				before = got
				attentionWork.free = nil
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
