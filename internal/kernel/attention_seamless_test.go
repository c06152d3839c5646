package kernel

import (
	"fmt"
	"slices"
	"testing"
)

// TestSeamless: each position has the same bits wherever its sequence is cut into pieces, the first
// one included.
func TestSeamless(t *testing.T) {
	const length, capacity, heads, size = 50, 53, 2, 20
	for _, window := range []int{0, 9} {
		withISA(t, fmt.Sprint("window ", window), func(t *testing.T) {
			whole := Attention{Heads: heads, KVHeads: heads}
			x, _ := whole.fused(func(n int) []float32 { return normals(9, n) }, length, sizes{size, size})
			run := func(cuts ...int) (all []float32) {
				keys, values := nans(capacity*heads*size), nans(capacity*heads*size)
				past := 0
				for _, to := range append(cuts, length) {
					n := to - past
					a := CachedAttention{Batch: 1, New: n, Capacity: capacity, Heads: heads, KVHeads: heads, Scale: 0.3, Window: window, Seamless: true}
					piece, in := whole.fused(nans, n, sizes{size, size})
					copy(piece, x[past*3*heads*size:])
					out := nans(n * heads * size)
					if err := a.Forward(out, keys, values, in, []int{past}, nil); err != nil {
						t.Fatal(err)
					}
					all, past = append(all, out...), to
				}
				return all
			}
			want := run()
			for _, cuts := range [][]int{{1}, {2}, {49}, {16, 17, 33}, {1, 2, 3, 4, 5}, {25, 48}} {
				if got := run(cuts...); !slices.Equal(got, want) {
					t.Errorf("cut at %d: other bits", cuts)
				}
			}
		})
	}
}
