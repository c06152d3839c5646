package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCachedAttention gives sequences of different lengths in pieces of different sizes, and
// compares with float64 attention over the whole; the bits are the same for any GOMAXPROCS.
func TestCachedAttention(t *testing.T) {
	for _, c := range []struct {
		heads, kv int
		size      sizes
		window    int
		variants  Variants
	}{
		{1, 1, sizes{1, 1}, 0, Variants{}}, {2, 2, sizes{5, 5}, 0, Variants{}}, {3, 3, sizes{32, 32}, 0, Variants{}}, {2, 2, sizes{64, 64}, 0, Variants{}},
		{1, 1, sizes{80, 80}, 0, Variants{}}, {2, 2, sizes{16, 16}, 9, Variants{}}, {4, 2, sizes{16, 16}, 0, Variants{}}, {3, 1, sizes{8, 20}, 7, Variants{}},
		{4, 2, sizes{16, 16}, 0, Variants{2, slopes}}, {3, 1, sizes{8, 20}, 7, Variants{2, slopes}}, {2, 2, sizes{16, 16}, 9, Variants{SoftCap: 0.5}},
	} {
		const batch, capacity = 2, 70
		lengths := []int{70, 41}
		scale := float32(1 / math.Sqrt(float64(c.size.key)))
		whole := Attention{Batch: 1, Context: capacity, Heads: c.heads, KVHeads: c.kv, Scale: scale, Window: c.window, Variants: c.variants}
		width := c.heads * c.size.value
		var qkv [batch][]float32
		var want [batch][]float64
		for b := range batch {
			var in QKV
			qkv[b], in = whole.fused(func(n int) []float32 { return normals(uint64(b+1), n) }, capacity, c.size)
			in.Sinks = whole.sinks()
			want[b], _ = attention64(&whole, in, make([]float32, capacity*width), Mask{})
		}
		columns := len(qkv[0]) / capacity
		withISA(t, fmt.Sprintf("%d/%d heads of %v, window %d, %+v", c.heads, c.kv, c.size, c.window, c.variants), func(t *testing.T) {
			var before []float32
			for _, procs := range []int{1, 2, 3} {
				got := make([]float32, 0, batch*capacity*width)
				rows := (&CachedAttention{Capacity: capacity, Window: c.window}).rows()
				keys, values := nans(batch*rows*c.kv*c.size.key), nans(batch*rows*c.kv*c.size.value)
				past := []int{0, 0}
				piece := 0
				for past[0] < lengths[0] {
					// 29 positions at first, then one at a time, and 3 in between; the second
					// sequence falls behind.
					n := []int{29, 1, 1, 3, 1}[min(piece, 4)]
					piece++
					a := CachedAttention{Batch: batch, New: n, Capacity: capacity, Heads: c.heads, KVHeads: c.kv, Scale: scale, Window: c.window, Variants: c.variants}
					x, in := whole.fused(nans, batch*n, c.size)
					in.Sinks = whole.sinks()
					out := nans(batch * n * width)
					for b := range batch {
						copy(x[b*n*columns:], qkv[b][past[b]*columns:][:n*columns])
					}
					withProcs(procs, func() {
						if err := a.Forward(out, keys, values, in, past, nil); err != nil {
							t.Fatal(err)
						}
					})
					for b := range batch {
						if past[b]+n > lengths[b] {
							continue
						}
						expected := want[b][past[b]*width:][:n*width]
						if e := worst(out[b*n*width:][:n*width], expected); !(e <= tolAttention) {
							t.Errorf("sequence %d, positions %d to %d: off by %.2g of the largest element", b, past[b], past[b]+n-1, e)
						}
						past[b] += n
					}
					got = append(got, out...)
				}
				if before != nil && !slices.Equal(before, got) {
					t.Errorf("GOMAXPROCS %d changes the result", procs)
				}
				before = got
			}
		})
	}
}

// TestCachedWindow gives sequences of different lengths, over more than four windows, in pieces of random lengths
// that often end with padding, and compares with float64 attention over the whole sequence. The cache has as many
// rows as the window; padding must never get into it.
func TestCachedWindow(t *testing.T) {
	const batch, capacity = 3, 70
	for _, window := range []int{1, 4, 5, 16, 69, 70, 100} {
		for _, c := range []struct{ heads, kv int }{{2, 2}, {4, 2}, {3, 1}} {
			size := sizes{6, 10}
			whole := Attention{Batch: 1, Context: capacity, Heads: c.heads, KVHeads: c.kv, Scale: 0.4, Window: window}
			width, rows := c.heads*size.value, min(window, capacity)
			var qkv [batch][]float32
			var want [batch][]float64
			for b := range batch {
				var in QKV
				qkv[b], in = whole.fused(func(n int) []float32 { return normals(uint64(b+1), n) }, capacity, size)
				want[b], _ = attention64(&whole, in, make([]float32, capacity*width), Mask{})
			}
			columns := len(qkv[0]) / capacity
			withISA(t, fmt.Sprintf("window %d, %d/%d heads", window, c.heads, c.kv), func(t *testing.T) {
				random := rand.New(rand.NewPCG(uint64(window), 1))
				keys, values := nans(batch*rows*c.kv*size.key), nans(batch*rows*c.kv*size.value)
				past := make([]int, batch)
				for range 60 {
					most := capacity - slices.Max(past)
					n := 1 + random.IntN(min(most, 1+random.IntN(40)))
					x, in := whole.fused(func(n int) []float32 { return slices.Repeat([]float32{100}, n) }, batch*n, size)
					counts := make([]int, batch)
					for b := range batch {
						counts[b] = random.IntN(n + 1)
						copy(x[b*n*columns:], qkv[b][past[b]*columns:][:counts[b]*columns])
					}
					out := nans(batch * n * width)
					a := CachedAttention{Batch: batch, New: n, Capacity: capacity, Heads: c.heads, KVHeads: c.kv, Scale: 0.4, Window: window}
					if err := a.Forward(out, keys, values, in, past, counts); err != nil {
						t.Fatal(err)
					}
					for b, count := range counts {
						if count == 0 {
							continue
						}
						if e := worst(out[b*n*width:][:count*width], want[b][past[b]*width:][:count*width]); !(e <= tolAttention) {
							t.Fatalf("sequence %d, positions %d to %d of %d: off by %.2g of the largest element", b, past[b], past[b]+count-1, n, e)
						}
						if past[b] += count; past[b] == capacity {
							past[b] = 0 // start over, on top of what is cached
						}
					}
				}
			})
		}
	}
}

// TestCachedCompany: a sequence has the same bits whether or not the other sequences are at their beginning.
func TestCachedCompany(t *testing.T) {
	const n, capacity, heads, size = 5, 12, 2, 8
	run := func(past ...int) []float32 {
		batch := len(past)
		whole := Attention{Heads: heads, KVHeads: heads}
		x, in := whole.fused(func(n int) []float32 { return normals(9, n) }, batch*n, sizes{size, size})
		for b := range batch { // the same rows for all
			copy(x[b*len(x)/batch:], x[:len(x)/batch])
		}
		keys, values := normals(1, batch*capacity*heads*size), normals(2, batch*capacity*heads*size)
		for b := range batch {
			each := len(keys) / batch
			copy(keys[b*each:], keys[:each])
			copy(values[b*each:], values[:each])
		}
		out := nans(batch * n * heads * size)
		a := CachedAttention{Batch: batch, New: n, Capacity: capacity, Heads: heads, KVHeads: heads, Scale: 0.3}
		if err := a.Forward(out, keys, values, in, past, nil); err != nil {
			t.Fatal(err)
		}
		return out
	}
	all := run(0, 3, 0, 0, 7)
	each := len(all) / 5
	for i, past := range []int{0, 3, 0, 0, 7} {
		if alone := run(past); !slices.Equal(alone, all[i*each:][:each]) {
			t.Errorf("sequence %d, after %d positions, has other bits in company", i, past)
		}
	}
}

func TestCachedAttentionErrors(t *testing.T) {
	a := CachedAttention{Batch: 2, New: 3, Capacity: 4, Heads: 1, KVHeads: 1}
	x := make([]float32, 2*4*3)
	in := QKV{Q: Heads{x, 3, 1}, K: Heads{x[1:], 3, 1}, V: Heads{x[2:], 3, 1}}
	for _, c := range []struct {
		past []int
		want string
	}{
		{[]int{0, 2}, "sequence 1 has 2 positions and gets 3; there is room for 4"},
		{[]int{-1, 0}, "sequence 0 has -1 positions and gets 3; there is room for 4"},
	} {
		if err := a.Forward(x, x, x, in, c.past, nil); err == nil || err.Error() != c.want {
			t.Errorf("past %v: error %v, want %s", c.past, err, c.want)
		}
	}
}
