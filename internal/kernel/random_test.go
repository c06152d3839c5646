package kernel

import (
	"math"
	"slices"
	"testing"
)

func TestMaskApply(t *testing.T) {
	const n = 3*exponentialGrain + 5
	x := normals(1, n)
	x[7], x[8] = float32(math.NaN()), float32(math.Inf(1))
	for _, rate := range []float64{0, 1e-9, 0.1, 0.5, 0.999} {
		mask := NewMask(rate, 3, 4, 5)
		want := make([]float32, n)
		for i := range want {
			want[i] = x[i] * mask.At(uint64(i))
		}
		withISA(t, "mask", func(t *testing.T) {
			got := slices.Clone(x)
			mask.Apply(got, got)
			if !slices.Equal(bitsOf(got), bitsOf(want)) {
				t.Errorf("rate %v: Apply and At differ", rate)
			}
		})
	}
}

// TestMaskBits holds the definition of masks fast: checkpoints of older versions resume with the
// same masks. The bits are those of splitmix64's published outputs: for seed 0 the
// first is mix(0), the next mix of the increment.
func TestMaskBits(t *testing.T) {
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := mix(uint64(i) * 0x9e3779b97f4a7c15); got != want {
			t.Errorf("output %d is %#x, want %#x", i, got, want)
		}
	}
}
