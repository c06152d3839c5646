package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestCachedAttention gives sequences of different lengths in pieces of different sizes, and
// compares with float64 attention over the whole; the bits are the same for any GOMAXPROCS.
func TestCachedAttention(t *testing.T) {
	for _, c := range []struct{ heads, size, window int }{{1, 1, 0}, {2, 5, 0}, {3, 32, 0}, {2, 64, 0}, {1, 80, 0}, {2, 16, 9}} {
		const batch, capacity = 2, 70
		width := c.heads * c.size
		lengths := []int{70, 41}
		scale := float32(1 / math.Sqrt(float64(c.size)))
		whole := Attention{Batch: 1, Context: capacity, Heads: c.heads, Size: c.size, Scale: scale, Window: c.window}
		var qkv [batch][]float32
		var want [batch][]float64
		for b := range batch {
			qkv[b] = normals(uint64(b+1), capacity*3*width)
			want[b], _ = attention64(&whole, qkv[b], make([]float32, capacity*width), Mask{})
		}
		withISA(t, fmt.Sprintf("%d heads of %d, window %d", c.heads, c.size, c.window), func(t *testing.T) {
			var before []float32
			for _, procs := range []int{1, 2, 3} {
				got := make([]float32, 0, batch*capacity*width)
				keys, values := nans(batch*capacity*width), nans(batch*capacity*width)
				past := []int{0, 0}
				piece := 0
				for past[0] < lengths[0] {
					// 29 positions at first, then one at a time, and 3 in between; the second
					// sequence falls behind.
					n := []int{29, 1, 1, 3, 1}[min(piece, 4)]
					piece++
					a := CachedAttention{Batch: batch, New: n, Capacity: capacity, Heads: c.heads, Size: c.size, Scale: scale, Window: c.window}
					in, out := make([]float32, 0, batch*n*3*width), nans(batch*n*width)
					for b := range batch {
						in = append(in, qkv[b][past[b]*3*width:][:n*3*width]...)
					}
					withProcs(procs, func() {
						if err := a.Forward(out, keys, values, in, past); err != nil {
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

func TestCachedAttentionErrors(t *testing.T) {
	a := CachedAttention{Batch: 2, New: 3, Capacity: 4, Heads: 1, Size: 1}
	x := make([]float32, 2*4*3)
	for _, c := range []struct {
		past []int
		want string
	}{
		{[]int{0, 2}, "sequence 1 has 2 positions and gets 3; there is room for 4"},
		{[]int{-1, 0}, "sequence 0 has -1 positions and gets 3; there is room for 4"},
	} {
		if err := a.Forward(x, x, x, x, c.past); err == nil || err.Error() != c.want {
			t.Errorf("past %v: error %v, want %s", c.past, err, c.want)
		}
	}
}
