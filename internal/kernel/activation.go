package kernel

import "math"

// Activation is an element-wise function with its derivative.
type Activation int

const (
	// GELUTanh is ½x(1 + tanh(√(2/π)(x + 0.044715x³))), GPT-1's and GPT-2's.
	GELUTanh Activation = iota
	// GELUErf is x·Φ(x) with the exact normal distribution, nanoGPT's.
	GELUErf
	// ReLU is max(x, 0).
	ReLU
)

// Constants of the tanh form (Hendrycks and Gimpel 2016, §2).
const (
	geluScale = 0.7978845608028654 // √(2/π)
	geluCubic = 0.044715
)

// Activate sets out = f(x).
func Activate(f Activation, out, x []float32) {
	For(len(x), elementGrain/16, func(lo, hi int) {
		out, x := out[lo:hi], x[lo:hi]
		switch f {
		case GELUTanh:
			for i, v := range x {
				out[i] = 0.5 * v * (1 + tanh(geluScale*(v+geluCubic*v*v*v)))
			}
		case GELUErf:
			for i, v := range x {
				out[i] = float32(0.5 * float64(v) * (1 + math.Erf(float64(v)*(1/math.Sqrt2))))
			}
		case ReLU:
			for i, v := range x {
				out[i] = max(v, 0)
			}
		}
	})
}

// ActivateGrad sets dx = dy·f'(x).
func ActivateGrad(f Activation, dx, x, dy []float32) {
	For(len(x), elementGrain/16, func(lo, hi int) {
		dx, x, dy := dx[lo:hi], x[lo:hi], dy[lo:hi]
		switch f {
		case GELUTanh:
			for i, v := range x {
				t := tanh(geluScale * (v + geluCubic*v*v*v))
				dx[i] = dy[i] * (0.5*(1+t) + 0.5*v*(1-t*t)*geluScale*(1+3*geluCubic*v*v))
			}
		case GELUErf:
			for i, v := range x {
				v := float64(v)
				cumulative := 0.5 * (1 + math.Erf(v*(1/math.Sqrt2)))
				density := math.Exp(-0.5*v*v) / math.Sqrt(2*math.Pi)
				dx[i] = dy[i] * float32(cumulative+v*density)
			}
		case ReLU:
			for i, v := range x {
				dx[i] = 0
				if v > 0 {
					dx[i] = dy[i]
				}
			}
		}
	})
}

func tanh(x float32) float32 { return float32(math.Tanh(float64(x))) }
