package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSeamless: wherever sequences are cut into pieces, and whatever the padding is, each position has the bits
// that it has in the whole sequence. Lengths are around the steps in which values are summed, with and without a
// window.
func TestSeamless(t *testing.T) {
	const capacity, heads, kv = 560, 4, 2
	rng := rand.New(rand.NewPCG(4, 4))
	for _, c := range []struct {
		window   int
		size     sizes
		variants Variants
	}{
		{0, sizes{20, 20}, Variants{}}, {9, sizes{20, 20}, Variants{}}, {1, sizes{8, 24}, Variants{}}, {300, sizes{20, 20}, Variants{}}, {600, sizes{5, 5}, Variants{}},
		{0, sizes{20, 20}, Variants{2, slopes}}, {9, sizes{20, 20}, Variants{2, slopes}}, {300, sizes{20, 20}, Variants{2, slopes}},
	} {
		withISA(t, fmt.Sprintf("window %d of %v, %+v", c.window, c.size, c.variants), func(t *testing.T) {
			const batch = 2
			whole := Attention{Batch: batch, Context: capacity, Heads: heads, KVHeads: kv, Scale: 0.3, Window: c.window, Variants: c.variants}
			width := heads * c.size.value
			x, in := whole.fused(func(n int) []float32 { return normals(9, n) }, batch*capacity, c.size)
			in.Sinks = whole.sinks()
			want := nans(batch * capacity * width)
			whole.Forward(want, nans(whole.StatsSize()), in, Mask{})
			columns := len(x) / (batch * capacity)
			for range 4 {
				rows := capacity
				if c.window > 0 {
					rows = min(c.window, capacity)
				}
				keys, values := nans(batch*rows*kv*c.size.key), nans(batch*rows*kv*c.size.value)
				past, counts := make([]int, batch), make([]int, batch)
				for past[0] < capacity || past[1] < capacity {
					n := 1 + rng.IntN(1+rng.IntN(capacity-max(past[0], past[1])+1))
					n = min(n, capacity-max(past[0], past[1]))
					if n == 0 { // the one that is behind goes on alone
						break
					}
					a := CachedAttention{Batch: batch, New: n, Capacity: capacity, Heads: heads, KVHeads: kv, Scale: 0.3, Window: c.window, Variants: c.variants, Seamless: true}
					piece, in := whole.fused(func(n int) []float32 { return normals(uint64(rng.Uint32()), n) }, batch*n, c.size)
					in.Sinks = whole.sinks()
					for b := range batch {
						counts[b] = n - rng.IntN(n)
						copy(piece[b*n*columns:], x[(b*capacity+past[b])*columns:][:counts[b]*columns])
					}
					out := nans(batch * n * width)
					if err := a.Forward(out, keys, values, in, past, counts); err != nil {
						t.Fatal(err)
					}
					for b := range batch {
						if got := out[b*n*width:][:counts[b]*width]; !slices.Equal(got, want[(b*capacity+past[b])*width:][:len(got)]) {
							t.Fatalf("sequence %d, positions %d to %d: other bits", b, past[b], past[b]+counts[b]-1)
						}
						past[b] += counts[b]
					}
				}
			}
		})
	}
}
