package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// functionCase is a function of one number and what it must compute: the exact value, and the largest of the
// terms whose sum it is. Errors are measured in units in the last place of that term. The bounds are the errors
// seen on one in 53 float32s, rounded up.
type functionCase struct {
	name string
	run  func(v *vectors, out, x []float32)
	want func(x float64) (y, term float64)
	ulps float64
}

// single is for a function that is not a sum.
func single(f func(x float64) float64) func(x float64) (y, term float64) {
	return func(x float64) (y, term float64) { y = f(x); return y, y }
}

func valueOf(f Activation) func(v *vectors, out, x []float32) {
	return func(v *vectors, out, x []float32) { v.activate[f](out, x) }
}

func gradOf(f Activation) func(v *vectors, out, x []float32) {
	return func(v *vectors, out, x []float32) { v.activateGrad[f](out, x, slices.Repeat([]float32{1}, len(x))) }
}

// logistic is 1/(1 + e⁻ᵛ).
func logistic(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

// wide2u is 2√(2/π)(x + 0.044715x³), and slope2u its derivative.
func wide2u(x float64) float64  { return 2 * math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }
func slope2u(x float64) float64 { return 2 * math.Sqrt(2/math.Pi) * (1 + 3*0.044715*x*x) }

// finite limits x to ±300.
func finite(x float64) float64 { return min(max(x, -300), 300) }

// logisticUnit is x·s(beta·x), and logisticUnitGrad its derivative.
func logisticUnit(beta float64) func(x float64) (y, term float64) {
	return single(func(x float64) float64 { return x * logistic(beta*x) })
}

func logisticUnitGrad(beta float64) func(x float64) (y, term float64) {
	return func(x float64) (y, term float64) {
		x = finite(x)
		a := logistic(beta * x)
		b := x * a * logistic(-beta*x) * beta
		return a + b, max(math.Abs(a), math.Abs(b))
	}
}

var functionCases = []functionCase{
	{"exp", func(v *vectors, out, x []float32) { v.expScale(out, x, 0, 1) }, single(math.Exp), 1},
	{"softCap", func(v *vectors, out, x []float32) { v.softCap(out, x, 50) }, func(x float64) (y, term float64) {
		return 50 * math.Tanh(x/2), 100 // 50 − 100/(1 + eˣ)
	}, 1.5},
	{"softCapSlope's value", func(v *vectors, out, x []float32) { v.softCapSlope(out, make([]float32, len(x)), x, 50, 1./50) },
		func(x float64) (y, term float64) { return 50 * math.Tanh(x/2), 100 }, 1.5},
	{"softCapSlope", func(v *vectors, out, x []float32) { v.softCapSlope(make([]float32, len(x)), out, x, 50, 1./50) },
		func(x float64) (y, term float64) { t := math.Tanh(x / 2); return 1 - t*t, 1 }, 6}, // twice the value's error, of 2 instead of 100
	{"sigmoid", func(v *vectors, out, x []float32) { v.sigmoid(out, x) }, single(logistic), 3},
	{"GELUTanh", valueOf(GELUTanh), single(func(x float64) float64 { return x * logistic(wide2u(x)) }), 3.5},
	{"GELUTanhGrad", gradOf(GELUTanh), func(x float64) (y, term float64) {
		x = finite(x)
		a := logistic(wide2u(x))
		b := x * a * logistic(-wide2u(x)) * slope2u(x)
		return a + b, max(math.Abs(a), math.Abs(b))
	}, 5.5},
	{"GELUErf", valueOf(GELUErf), single(func(x float64) float64 { return x * 0.5 * math.Erfc(-x/math.Sqrt2) }), 5.5},
	{"GELUErfGrad", gradOf(GELUErf), func(x float64) (y, term float64) {
		x = finite(x)
		a, b := 0.5*math.Erfc(-x/math.Sqrt2), x*math.Exp(-0.5*x*x)/math.Sqrt(2*math.Pi)
		return a + b, max(math.Abs(a), math.Abs(b))
	}, 4.5},
	{"SiLU", valueOf(SiLU), logisticUnit(1), 3},
	{"SiLUGrad", gradOf(SiLU), logisticUnitGrad(1), 4},
	{"QuickGELU", valueOf(QuickGELU), logisticUnit(1.702), 3},
	{"QuickGELUGrad", gradOf(QuickGELU), logisticUnitGrad(1.702), 5},
	{"ReLU", valueOf(ReLU), single(func(x float64) float64 { return max(x, 0) }), 0},
	{"ReLUGrad", gradOf(ReLU), single(func(x float64) float64 {
		if x <= 0 {
			return 0
		}
		return 1
	}), 0},
	{"SquaredReLU", valueOf(SquaredReLU), single(func(x float64) float64 { return max(x, 0) * max(x, 0) }), 0.5},
	{"SquaredReLUGrad", gradOf(SquaredReLU), single(func(x float64) float64 { return 2 * max(x, 0) }), 0},
}

// manyFloats returns float32s of all signs and magnitudes, infinities, NaNs and denormal
// numbers among them, and more of those of order 1 and 10.
func manyFloats() []float32 {
	x := []float32{float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -math.MaxFloat32, 0, float32(math.Copysign(0, -1))}
	for bits := uint64(0); bits < 1<<32; bits += 100003 {
		x = append(x, math.Float32frombits(uint32(bits)))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		x = append(x, float32(rng.NormFloat64()), float32(rng.Float64()*240-120), float32(rng.Float64()*30-15))
	}
	return x
}

// ulps is the distance of got from want in units in the last place of term; for denormal float32s, a unit is
// 2⁻¹⁴⁹. The distance from NaN is 0 for NaN only.
func ulps(got float32, want, term float64) float64 {
	if got == float32(want) || got != got && want != want {
		return 0
	}
	_, exponent := math.Frexp(term)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(exponent-24, -149))
}

func TestFunctions(t *testing.T) {
	x := manyFloats()
	for _, s := range supported {
		for _, c := range functionCases {
			out := make([]float32, len(x))
			c.run(&s.vec, out, x)
			for i, v := range x {
				want, term := c.want(float64(v))
				if u := ulps(out[i], want, term); !(u <= c.ulps) {
					t.Errorf("%s: %s(%v) is %v, want %v: off by %.1f units, allowed are %v", s.name, c.name, v, out[i], want, u, c.ulps)
					break
				}
			}
		}
	}
}
