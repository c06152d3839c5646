package kernel

import (
	"math"

	"github.com/gorgpt/gorgpt/internal/kernel/minimax"
)

// Activation is an element-wise function with its derivative. In float32, for all inputs, its value is within 5.5
// units in the last place of the exact value, and its derivative within 5.5 units in the last place of the
// largest of the terms that make it up. NaN stays NaN, and GELU is NaN at -∞, because -∞·0 is.
type Activation int

const (
	// GELUTanh is ½x(1 + tanh(√(2/π)(x + 0.044715x³))), used by GPT-1 and GPT-2 (Hendrycks and Gimpel 2016, §2).
	// It is within 3.5 units, and its derivative within 5.5.
	GELUTanh Activation = iota
	// GELUErf is x·Φ(x) with the exact normal distribution, used by nanoGPT. It is within 5.5 units, and its
	// derivative within 4.5.
	GELUErf
	// ReLU is max(x, 0). It is exact.
	ReLU
	// SquaredReLU is max(x, 0)² (So et al. 2021, Primer). It and its derivative are exact except for rounding.
	SquaredReLU
	// SiLU, the sigmoid linear unit, is x·s(x) with the logistic function s (Elfwing et al. 2017). It is within 3
	// units, and its derivative within 4.
	SiLU
	// QuickGELU is x·s(1.702x) (Hendrycks and Gimpel 2016, §2). It is within 3 units, and its derivative within
	// 5.
	QuickGELU

	activations
)

// Activate sets out = f(x). out may be x.
func Activate(f Activation, out, x []float32) {
	call{activation: f, out: out[:len(x)], x: x}.split(len(x), exponentialGrain, func(c *call, lo, hi int) {
		active.vec.activate[c.activation](c.out[lo:hi], c.x[lo:hi])
	})
}

// ActivateGrad sets dx = dy·f'(x). dx may be dy or x.
func ActivateGrad(f Activation, dx, x, dy []float32) {
	call{activation: f, out: dx[:len(x)], x: x, y: dy[:len(x)]}.split(len(x), exponentialGrain, func(c *call, lo, hi int) {
		active.vec.activateGrad[c.activation](c.out[lo:hi], c.x[lo:hi], c.y[lo:hi])
	})
}

// clamp limits x to ±limit.
func clamp(x, limit float64) float64 {
	if x > limit {
		return limit
	}
	if x < -limit {
		return -limit
	}
	return x
}

const (
	geluScale = 0.7978845608028654 // √(2/π)
	geluCubic = 0.044715
)

// geluTanh is x·s(2u) with the logistic function s and u = √(2/π)(x + 0.044715x³).
func geluTanh(x float64) float64 {
	u := geluScale * (x + geluCubic*x*x*x)
	return x / (1 + exp(-2*u))
}

// geluTanhGrad is s + x·s·(1 − s)·2u'.
func geluTanhGrad(x float64) float64 {
	x = clamp(x, 20) // the derivative is 0 or 1 there
	u := geluScale * (x + geluCubic*x*x*x)
	e := exp(-2 * u)
	s := 1 / (1 + e)
	return s * (1 + x*(e*s)*2*geluScale*(1+3*geluCubic*x*x))
}

const quickBeta = 1.702

func silu(x float64) float64      { return x / (1 + exp(-x)) }
func quickGELU(x float64) float64 { return x / (1 + exp(-quickBeta*x)) }

func siluGrad(x float64) float64      { return logisticGrad(x, 1) }
func quickGELUGrad(x float64) float64 { return logisticGrad(x, quickBeta) }

// logisticGrad is s + x·s·(1 − s)·beta, the derivative of x·s(beta·x).
func logisticGrad(x, beta float64) float64 {
	x = clamp(x, 200) // the derivative is 0 or 1 there
	e := exp(-beta * x)
	s := 1 / (1 + e)
	return s * (1 + x*(e*s)*beta)
}

func geluErf(x float64) float64 {
	tail, _, _ := normalTail(x)
	if x < 0 {
		return x * tail
	}
	return x * (1 - tail)
}

// geluErfGrad is Φ(x) + x·φ(x). Its value at −t is 1 minus its value at t.
func geluErfGrad(x float64) float64 {
	tail, e, t := normalTail(x)
	g := tail - t*e*(1/math.SqrtPi/math.Sqrt2)
	if x < 0 {
		return g
	}
	return 1 - g
}

// normalTail returns Φ(−t) of the normal distribution at t = |x|, e^(−t²/2), and t.
func normalTail(x float64) (tail, e, t float64) {
	t = math.Abs(clamp(x, 40)) // e is 0 there
	e = exp(-0.5 * t * t)
	p := 0.5 + t*(minimax.MillsP1+t*(minimax.MillsP2+t*(minimax.MillsP3+t*minimax.MillsP4)))
	q := 1 + t*(minimax.MillsQ1+t*(minimax.MillsQ2+t*(minimax.MillsQ3+t*(minimax.MillsQ4+t*minimax.MillsQ5))))
	return e * p / q, e, t
}

func relu(x float64) float64 { return max(x, 0) }

func squaredReLU(x float64) float64     { return relu(x) * relu(x) }
func squaredReLUGrad(x float64) float64 { return 2 * relu(x) }

func reluGrad(x float64) float64 {
	if x <= 0 {
		return 0
	}
	return 1
}
