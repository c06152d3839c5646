package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// tolAdamW bounds the difference of a weight of order 1 from float64 after five
// updates, each of which rounds it twice by at most 2⁻²⁴.
const tolAdamW = 6e-7

// adamWConstants are those of update t with β 0.9 and 0.95.
func adamWConstants(t int, clip, decay float64) AdamW {
	const rate = 1e-2
	return AdamW{
		Clip: float32(clip), Shrink: float32(1 - rate*decay), Fresh1: float32(1 - 0.9), Beta2: 0.95, Fresh2: float32(1 - 0.95),
		Rate: float32(rate / (1 - math.Pow(0.9, float64(t)))), Root: float32(1 / math.Sqrt(1-math.Pow(0.95, float64(t)))), Eps: 1e-8,
	}
}

func normals(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func TestAdamWUpdate(t *testing.T) {
	for _, n := range []int{0, 1, 7, adamGrain + 3, 3*adamGrain + 1} {
		w, m, v := normals(1, n), make([]float32, n), make([]float32, n)
		w64, m64, v64 := make([]float64, n), make([]float64, n), make([]float64, n)
		for i, x := range w {
			w64[i] = float64(x)
		}
		for step := 1; step <= 5; step++ {
			g := normals(uint64(step+1), n)
			adamWConstants(step, 0.5, 0.1).Update(w, slices.Clone(g), m, v)
			c1, c2 := 1-math.Pow(0.9, float64(step)), 1-math.Pow(0.95, float64(step))
			for i := range g {
				d := float64(g[i]) * 0.5
				m64[i] = 0.9*m64[i] + 0.1*d
				v64[i] = 0.95*v64[i] + 0.05*d*d
				w64[i] = w64[i]*(1-1e-2*0.1) - 1e-2*(m64[i]/c1)/(math.Sqrt(v64[i]/c2)+1e-8)
			}
		}
		for i := range w {
			if d := math.Abs(float64(w[i]) - w64[i]); d > tolAdamW*max(1, math.Abs(w64[i])) {
				t.Fatalf("n %d: weight %d is %v, want %v", n, i, w[i], w64[i])
			}
		}
	}
}

func TestAdamWSameBitsForAnyGOMAXPROCS(t *testing.T) {
	const n = 5*adamGrain + 11
	run := func(procs int) []float32 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		w, m, v := normals(1, n), make([]float32, n), make([]float32, n)
		for step := 1; step <= 2; step++ {
			adamWConstants(step, 1, 0.1).Update(w, normals(9, n), m, v)
		}
		return slices.Concat(w, m, v)
	}
	want := run(1)
	for _, procs := range []int{2, 7} {
		if !slices.Equal(run(procs), want) {
			t.Errorf("GOMAXPROCS %d gives other bits than 1", procs)
		}
	}
}

func TestAdamWLeavesTheGradient(t *testing.T) {
	g := normals(1, 9)
	before := slices.Clone(g)
	adamWConstants(1, 1, 0).Update(make([]float32, 9), g, make([]float32, 9), make([]float32, 9))
	if !slices.Equal(g, before) {
		t.Errorf("the gradient is %v after the update, want %v", g, before)
	}
}

func BenchmarkAdamW(b *testing.B) {
	const n = 1 << 25 // beyond the caches, as the weights of gpt2 are
	w, g, m, v := normals(1, n), normals(2, n), make([]float32, n), make([]float32, n)
	b.SetBytes(4 * 7 * n) // reads w, g, m, v and writes w, m, v
	for i := 1; b.Loop(); i++ {
		adamWConstants(i, 1, 0.1).Update(w, g, m, v)
	}
}

func BenchmarkSumSquares(b *testing.B) {
	for _, n := range []int{1 << 12, 1 << 22, 1 << 25} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := normals(1, n)
			b.SetBytes(int64(4 * n))
			for b.Loop() {
				SumSquares(x)
			}
		})
	}
}
