package kernel

import (
	"math"
	"runtime"
	"testing"
)

func TestSumSquares(t *testing.T) {
	sizes := []int{0, 1, 3, 4, 5, squareBlock, squareBlock + 1, 3*squareBlock - 1, squareParts*squareBlock + 5}
	for _, n := range sizes {
		x := normals(uint64(n), n)
		var want float64
		for _, v := range x {
			want += float64(v) * float64(v)
		}
		got := SumSquares(x)
		// float64 sums of up to 10⁶ positive terms in another order.
		if math.Abs(got-want) > 1e-12*want {
			t.Errorf("n %d: got %v, want %v", n, got, want)
		}
		for _, procs := range []int{1, 2, 7} {
			old := runtime.GOMAXPROCS(procs)
			again := SumSquares(x)
			runtime.GOMAXPROCS(old)
			if again != got {
				t.Errorf("n %d: GOMAXPROCS %d gives %v, not %v", n, procs, again, got)
			}
		}
	}
}

func TestSumSquaresIsFiniteExactlyIfEveryElementIs(t *testing.T) {
	x := make([]float32, 3*squareBlock)
	for i := range x {
		x[i] = math.MaxFloat32
	}
	if s := SumSquares(x); math.IsInf(s, 0) || math.IsNaN(s) {
		t.Errorf("the sum of the greatest squares is %v", s)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, i := range []int{0, squareBlock, len(x) - 1} {
			old := x[i]
			x[i] = float32(bad)
			if s := SumSquares(x); s-s == 0 {
				t.Errorf("with %v at %d the sum is %v", bad, i, s)
			}
			x[i] = old
		}
	}
}
