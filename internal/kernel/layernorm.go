package kernel

import "math"

// LayerNorm normalises the rows of x to mean 0 and variance 1 (over the width,
// without correction), multiplies by gain and adds bias, which may be nil. It keeps
// each row's mean and reciprocal deviation for [LayerNormGrad].
func LayerNorm(out, x, gain, bias, mean, rstd []float32, epsilon float64) {
	width := len(gain)
	For(len(mean), 1+elementGrain/(4*width), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			x, out := x[r*width:(r+1)*width], out[r*width:(r+1)*width]
			var sum, squares float32
			for _, v := range x {
				sum += v
			}
			mu := sum / float32(width)
			for _, v := range x {
				squares += (v - mu) * (v - mu)
			}
			s := float32(1 / math.Sqrt(float64(squares/float32(width))+epsilon))
			mean[r], rstd[r] = mu, s
			for i, v := range x {
				out[i] = (v - mu) * s * gain[i]
			}
			if bias != nil {
				for i := range out {
					out[i] += bias[i]
				}
			}
		}
	})
}

// LayerNormGrad sets dx, the gradient of LayerNorm's input.
func LayerNormGrad(dx, dy, x, gain, mean, rstd []float32) {
	width := len(gain)
	For(len(mean), 1+elementGrain/(4*width), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			x, dy, dx := x[r*width:(r+1)*width], dy[r*width:(r+1)*width], dx[r*width:(r+1)*width]
			mu, s := mean[r], rstd[r]
			var sum, dot float32
			for i, d := range dy {
				g := d * gain[i]
				sum += g
				dot += g * (x[i] - mu) * s
			}
			sum /= float32(width)
			dot /= float32(width)
			for i, d := range dy {
				dx[i] = s * (d*gain[i] - sum - (x[i]-mu)*s*dot)
			}
		}
	})
}

// LayerNormGradParams sets the gradients of gain and, unless nil, of bias.
func LayerNormGradParams(dgain, dbias, dy, x, mean, rstd []float32) {
	width := len(dgain)
	For(width, 1+elementGrain/(4*len(mean)), func(lo, hi int) {
		dgain := dgain[lo:hi]
		clear(dgain)
		for r, mu := range mean {
			s := rstd[r]
			x, dy := x[r*width+lo:r*width+hi], dy[r*width+lo:r*width+hi]
			for i, d := range dy {
				dgain[i] += d * (x[i] - mu) * s
			}
		}
	})
	if dbias != nil {
		SumRows(dbias, dy, len(mean))
	}
}
