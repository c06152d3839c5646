package kernel

import (
	"slices"
	"testing"
)

// tolAttentionPairs is tolAttention in bfloat16: operands have an error of 2⁻⁹, and go through two products and a
// softmax forward and three more products backward. The largest error measured was 6.8e-3; this is twice that.
const tolAttentionPairs = 1.36e-2

// TestAttentionPairs is TestAttention in bfloat16. It also requires the bits of plain Go.
func TestAttentionPairs(t *testing.T) {
	if raceEnabled {
		t.Skip("goroutines do what they do in TestAttention")
	}
	for _, c := range attentionCases() {
		a := c.a
		a.Precision = BFloat16
		rows := a.Batch * a.Context
		_, in := a.fused(func(n int) []float32 { return normals(1, n) }, rows, c.size)
		in.Sinks = a.sinks()
		dout := normals(2, rows*a.Heads*c.size.value)
		mask := NewMask(c.rate, 3, 4, 5)
		want, dwant := attention64(a, in, dout, mask)
		bits := make(map[string][]float32)
		withPairs(t, c.String(), func(t *testing.T, plain bool) {
			if plain && a.Context > 300 {
				t.Skip("slow in plain Go")
			}
			var before []float32
			for _, procs := range []int{1, 2} {
				out, stats := nans(len(dout)), nans(a.StatsSize())
				_, grad := a.fused(nans, rows, c.size)
				grad.Sinks = nans(len(in.Sinks))
				for range procs {
					attentionWork.giveBack(nans(1 << 21))
				}
				withProcs(procs, func() {
					a.Forward(out, stats, in, mask)
					a.Backward(grad, dout, in, out, stats, mask)
				})
				attentionWork.free = nil
				grads := slices.Concat(compact(grad.Q, a.Heads, rows), compact(grad.K, a.KVHeads, rows), compact(grad.V, a.KVHeads, rows), grad.Sinks)
				if e := worst(out, want); !(e <= tolAttentionPairs) {
					t.Errorf("forward is off by %.2g of the largest element", e)
				}
				if e := worst(grads, dwant); !(e <= tolAttentionPairs) {
					t.Errorf("backward is off by %.2g of the largest element", e)
				}
				got := slices.Concat(out, grads)
				if before != nil && !slices.Equal(before, got) {
					t.Errorf("GOMAXPROCS %d changes the result", procs)
				}
				before = got
			}
			if other := bits[sums()]; other != nil && !slices.Equal(before, other) {
				t.Error("other bits than in plain Go")
			}
			bits[sums()] = before
		})
	}
}
