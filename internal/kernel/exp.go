package kernel

import "math"

// Constants of exp: x = n·ln 2 + r, with ln 2 in two parts so that n·ln2High is
// exact for every n that matters.
const (
	log2e   = 1.4426950408889634
	ln2High = 0.693359375
	ln2Low  = -2.12194440054690583e-4
	expMax  = 88.72283 // log of the largest float32
	expMin  = -103.972 // below, the result rounds to 0
)

// exp is eˣ in float32, within 2 units in the last place of the exact value. NaN
// stays NaN.
func exp(x float32) float32 {
	switch {
	case x > expMax:
		return float32(math.Inf(1))
	case x < expMin:
		return 0
	case x != x:
		return x
	}
	n := float32(math.RoundToEven(float64(x * log2e)))
	r := x - n*ln2High
	r -= n * ln2Low
	// Taylor's polynomial of degree 7: |r| ≤ ½ ln 2, where the next term is 5e-9.
	p := float32(1.0 / 5040)
	p = p*r + 1.0/720
	p = p*r + 1.0/120
	p = p*r + 1.0/24
	p = p*r + 1.0/6
	p = p*r + 0.5
	p = p*r + 1
	p = p*r + 1
	// Two factors, since 2ⁿ alone may lie outside the normal numbers.
	k := int32(n)
	return p * power2(k/2) * power2(k-k/2)
}

// power2 is 2ⁿ for n within the normal numbers.
func power2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }
