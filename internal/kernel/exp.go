package kernel

import (
	"math"

	"github.com/gorgpt/gorgpt/internal/kernel/minimax"
)

// The functions of this file and of activation.go are written here in float64, in which the few operations that
// the assembly does in float32 have no error worth mentioning. The coefficients are the same.

// exp returns eˣ, to be rounded to float32. It uses x = n·ln 2 + r, eˣ = 2ⁿ·eʳ. Rounded, the result is within 0.6
// units in the last place of the exact value; that of the assembly is within 1.
func exp(x float64) float64 {
	// The limits beyond which 2ⁿ overflows, or would become subnormal.
	const overflow, underflow = 709.6, -708
	if x < underflow {
		return 0
	}
	if x > overflow {
		x = overflow
	}
	r, scale := reduceExp(x)
	return (1 + r + r*r*expPolynomial(r)) * scale
}

// reduceExp splits x = n·ln 2 + r with |r| ≤ ½ ln 2, and returns r and 2ⁿ.
func reduceExp(x float64) (r, scale float64) {
	const roundUp = 3 << 51 // adding it to n leaves n in the lowest bits
	sum := x*math.Log2E + roundUp
	return x - (sum-roundUp)*math.Ln2, math.Float64frombits((math.Float64bits(sum) + 1023) << 52)
}

// expPolynomial returns (eʳ − 1 − r)/r² for |r| ≤ ½ ln 2.
func expPolynomial(r float64) float64 {
	return minimax.Exp2 + r*(minimax.Exp3+r*(minimax.Exp4+r*(minimax.Exp5+r*minimax.Exp6)))
}

func sumExp(x []float32, shift float32) float32 {
	var sum float64
	for _, v := range x {
		sum += exp(float64(v - shift))
	}
	return float32(sum)
}

func expSum(out, x []float32, shift float32) float32 {
	var sum float64
	for i, v := range x {
		e := exp(float64(v - shift))
		out[i] = float32(e)
		sum += e
	}
	return float32(sum)
}

func expScale(out, x []float32, shift, factor float32) {
	for i, v := range x {
		out[i] = float32(exp(float64(v-shift))) * factor
	}
}
