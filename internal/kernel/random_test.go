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

// TestMaskBits pins the definition of masks, so that checkpoints of older versions resume with the same masks.
// The expected bits are splitmix64's published outputs: for seed 0, the first is mix(0), and the next is mix of
// the increment.
func TestMaskBits(t *testing.T) {
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := mix(uint64(i) * 0x9e3779b97f4a7c15); got != want {
			t.Errorf("output %d is %#x, want %#x", i, got, want)
		}
	}
}

// TestNormal: the numbers have the requested mean and deviation, and depend only on seed and stream, not on how
// many are drawn at once or by which goroutine.
func TestNormal(t *testing.T) {
	const n = 3*normalChunk + 5
	draw := func(n int, seed, stream uint64) []float32 {
		data := make([]float32, n)
		Normal(data, seed, stream, 3, 0.5)
		return data
	}
	data := draw(n, 1, 2)
	var sum, squares float64
	for _, v := range data {
		sum += float64(v) - 3
		squares += (float64(v) - 3) * (float64(v) - 3)
	}
	if mean, deviation := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 3*0.5/math.Sqrt(n) || math.Abs(deviation-0.5) > 3*0.5/math.Sqrt(2*n) {
		t.Errorf("mean 3%+g, deviation %g of %d, want 3 and 0.5", mean, deviation, n)
	}
	withProcs(1, func() {
		for _, m := range []int{1, normalChunk - 1, normalChunk, normalChunk + 1, n} {
			if !slices.Equal(draw(m, 1, 2), data[:m]) {
				t.Errorf("the first %d are others, drawn alone", m)
			}
		}
	})
	parts := map[float32]string{}
	for what, first := range map[string]float32{"a chunk": data[0], "the next": data[normalChunk], "another seed": draw(1, 2, 2)[0], "another stream": draw(1, 1, 3)[0]} {
		if other, ok := parts[first]; ok {
			t.Errorf("%s begins as %s", what, other)
		}
		parts[first] = what
	}
}

// TestMaskRate: a mask drops about the share that it should, and On says whether it drops any.
func TestMaskRate(t *testing.T) {
	const n = 100_000
	for _, rate := range []float64{-1, 0, 0.1, 0.5, 0.999} {
		mask, dropped := NewMask(rate, 3, 4, 5), 0.0
		for i := range uint64(n) {
			switch mask.At(i) {
			case 0:
				dropped++
			case float32(1 / (1 - max(rate, 0))):
			default:
				t.Fatalf("rate %g: a factor of %g", rate, mask.At(i))
			}
		}
		if math.Abs(dropped/n-max(rate, 0)) > 0.005 || mask.On() != (rate > 0) { // 3 deviations
			t.Errorf("rate %g: %g are dropped, on is %t", rate, dropped/n, mask.On())
		}
	}
}
