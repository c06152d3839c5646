package kernel

import (
	"fmt"
	"math"
	"testing"
)

// tolNorm is for normalised values of order 1 and gradients of order 1: some roundings of
// terms up to 4 and of sums of them.
const tolNorm = 5e-6

func TestLayerNorm(t *testing.T) {
	for _, width := range []int{1, 3, 64, 100, 768} {
		for _, biased := range []bool{true, false} {
			const rows, epsilon = 5, 1e-5
			n := rows * width
			x, dy, gain, bias := normals(1, n), normals(2, n), normals(3, width), normals(4, width)
			for i := range x {
				x[i] += 3
			}
			if !biased {
				bias = nil
			}
			withISA(t, fmt.Sprint(width, biased), func(t *testing.T) {
				out, dx := make([]float32, n), make([]float32, n)
				mean, rstd := make([]float32, rows), make([]float32, rows)
				dgain := normals(5, width)
				var dbias []float32
				if biased {
					dbias = normals(6, width)
				}
				LayerNorm(out, x, gain, bias, mean, rstd, epsilon)
				LayerNormGrad(dx, dy, x, gain, mean, rstd)
				LayerNormGradParams(dgain, dbias, dy, x, mean, rstd)

				wantGain, wantBias := make([]float64, width), make([]float64, width)
				for r := range rows {
					x, dy := x[r*width:][:width], dy[r*width:][:width]
					var mu, variance, s, d float64
					for _, v := range x {
						mu += float64(v) / float64(width)
					}
					for _, v := range x {
						variance += (float64(v) - mu) * (float64(v) - mu) / float64(width)
					}
					inverse := 1 / math.Sqrt(variance+epsilon)
					norm := func(i int) float64 { return (float64(x[i]) - mu) * inverse }
					for i := range x {
						g := float64(dy[i]) * float64(gain[i])
						s += g / float64(width)
						d += g * norm(i) / float64(width)
						wantGain[i] += float64(dy[i]) * norm(i)
						wantBias[i] += float64(dy[i])
					}
					for i := range x {
						want := norm(i) * float64(gain[i])
						if biased {
							want += float64(bias[i])
						}
						if got := out[r*width+i]; !(math.Abs(float64(got)-want) <= tolNorm) {
							t.Fatalf("row %d, %d: %v, want %v", r, i, got, want)
						}
						want = inverse * (float64(dy[i])*float64(gain[i]) - s - norm(i)*d)
						if got := dx[r*width+i]; !(math.Abs(float64(got)-want) <= tolNorm*max(1, inverse)) {
							t.Fatalf("gradient: row %d, %d: %v, want %v", r, i, got, want)
						}
					}
				}
				for i := range width {
					if !(math.Abs(float64(dgain[i])-wantGain[i]) <= tolNorm) {
						t.Fatalf("gradient of gain %d: %v, want %v", i, dgain[i], wantGain[i])
					}
					if biased && !(math.Abs(float64(dbias[i])-wantBias[i]) <= tolNorm) {
						t.Fatalf("gradient of bias %d: %v, want %v", i, dbias[i], wantBias[i])
					}
				}
			})
		}
	}
}
