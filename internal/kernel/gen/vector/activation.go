package main

import (
	"math"

	"github.com/gorgpt/gorgpt/internal/kernel/minimax"
)

func activations(s set) {
	activation(s, "geluTanh", geluTanh, geluLimit, 1)
	derivative(s, "geluTanh", geluTanhGrad, geluLimit, 1)
	activation(s, "geluErf", geluErf, erfLimit, 1)
	derivative(s, "geluErf", geluErfGrad, erfLimit, 1)
	for _, l := range logistics {
		activation(s, l.name, l.value, l.limit(), 1)
		derivative(s, l.name, l.grad, l.limit(), 1)
	}
	activation(s, "sigmoid", sigmoid, logistics[0].limit(), 1)
	sigmoidGrad(s)
	activation(s, "relu", relu, 0)
	derivative(s, "relu", reluGrad, 0)
	activation(s, "squaredReLU", squaredReLU, 0)
	derivative(s, "squaredReLU", squaredReLUGrad, 0)
}

// wide is the number of vectors in a round of a kernel with much work per vector.
func wide(s set) int {
	if s.is512() {
		return 3
	}
	return 2
}

// activation writes out = f(x). The constants in fixed are kept in registers.
func activation(s set, name string, f func(k *kernel, x group) group, fixed ...constant) {
	k := begin(s, name, "(out, x []float32)", wide(s), "sets out to the activation of x. They are of one length.")
	k.slices("x", "out")
	for _, c := range fixed {
		k.fix(c)
	}
	k.loop(func() { k.store("out", f(k, k.load("x"))) })
	k.end()
}

// derivative writes dx = dy·f'(x). f gets x and may use dy; it returns the product.
func derivative(s set, name string, f func(k *kernel, x group) group, fixed ...constant) {
	k := begin(s, name+"Grad", "(dx, x, dy []float32)", wide(s), "sets dx to dy times the derivative of the activation at x. All are of one length.")
	k.slices("x", "dx", "dy")
	for _, c := range fixed {
		k.fix(c)
	}
	k.loop(func() { k.store("dx", f(k, k.load("x"))) })
	k.end()
}

// GELU in its tanh form is x·s(2u) with the logistic function s(v) = 1/(1 + e⁻ᵛ) and 2u = geluScale·t(geluOffset
// + t²) at t = |x|.
const (
	geluScale  = 2 * 0.7978845608028654 * 0.044715 // 2√(2/π)·0.044715
	geluOffset = 1 / 0.044715
	geluLimit  = constant(11.5) // e⁻²ᵘ·2^lift is 0 there
)

// geluOffsetHigh has so few bits that t² + geluOffsetHigh − geluOffsetHigh is exact.
var geluOffsetHigh = constant(math.Round(geluOffset*(1<<16)) / (1 << 16))

// 2^lift is a factor on e⁻ᵛ that keeps it a normal number wherever its product with x is one. The last operation
// removes the factor and rounds.
const (
	lift  = 24
	lower = constant(1.0 / (1 << lift))
)

// gelu2u returns e⁻²ᵘ·2^lift, t and t². 2u can be as large as 100, and an absolute error in 2u would be a
// relative error of the result. So 2u is computed as a sum of two numbers, the second of which collects the
// rounding errors of the first.
func (k *kernel) gelu2u(x group) (e, t, y group) {
	t = k.atMost(k.abs(x), k.fix(geluLimit))
	y = k.mul(t, t)
	low := k.copy(t)
	k.mulSub(low, t, y)
	a := k.add(y, geluOffsetHigh)
	low = k.add(low, k.sub(y, k.sub(a, geluOffsetHigh)))
	low = k.add(low, constant(geluOffset-float64(geluOffsetHigh)))
	w := k.mul(t, a)
	wLow := k.copy(t)
	k.mulSub(wLow, a, w)
	k.accumulate(wLow, t, low)

	bits := k.copy(roundUp + lift)
	k.deduct(bits, w, constant(geluScale*math.Log2E))
	n := k.sub(bits, roundUp+lift)
	step, stepLow := split(math.Ln2 / geluScale)
	r := k.copy(n)
	k.negMulSub(r, step, w)
	k.accumulate(wLow, n, stepLow)
	r = k.mul(k.sub(r, wLow), constant(geluScale))
	return k.timesPower2(k.expReduced(r), bits), t, y
}

func geluTanh(k *kernel, x group) group {
	e, _, _ := k.gelu2u(x)
	over := k.whereNegative(x, k.mul(k.mul(x, e), lower), x)
	k.mulAdd(e, lower, k.fix(1))
	return k.div(over, e)
}

// geluTanhGrad: the derivative is s + x·s·(1 − s)·2u', with s = d and s·(1 − s) = e·d² for
// x ≥ 0, and s = e·d for x < 0, where d = 1/(1 + e⁻²ᵘ).
func geluTanhGrad(k *kernel, x group) group {
	e, t, y := k.gelu2u(x)
	under := k.copy(e)
	k.mulAdd(under, lower, k.fix(1))
	d := k.div(k.fix(1), under)
	slope := k.mul(k.add(y, constant(geluOffset/3)), constant(3*geluScale/(1<<lift)))
	h := k.mul(k.mul(t, d), slope)
	right := k.copy(h)
	k.mulAdd(right, e, k.fix(1))
	left := k.mul(k.sub(k.copy(lower), h), e)
	return k.mul(k.mul(k.whereNegative(k.load("x"), left, right), d), k.load("dy"))
}

const (
	erfLimit = constant(15.75)    // e^(−t²/2)·2^lift is 0 there
	density  = 0.3989422804014327 // 1/√(2π)
)

// normalTail returns Φ(−t) at t = |x| and e^(−t²/2), both times 2^lift, and t. t²/2 is a sum of two numbers, like
// 2u in gelu2u.
func (k *kernel) normalTail(x group) (tail, e, t group) {
	t = k.atMost(k.abs(x), k.fix(erfLimit))
	low := k.mul(t, constant(0.5))
	y := k.mul(low, t)
	k.mulSub(low, t, y)

	bits := k.copy(roundUp + lift)
	k.deduct(bits, y, constant(math.Log2E))
	n := k.sub(bits, roundUp+lift)
	ln2, ln2Low := split(math.Ln2)
	r := k.copy(n)
	k.negMulSub(r, ln2, y)
	k.accumulate(low, n, ln2Low)
	r = k.sub(r, low)
	e = k.timesPower2(k.expReduced(r), bits)

	p := k.horner(t, minimax.MillsP4, minimax.MillsP3, minimax.MillsP2, minimax.MillsP1, 0.5)
	q := k.horner(t, minimax.MillsQ5, minimax.MillsQ4, minimax.MillsQ3, minimax.MillsQ2, minimax.MillsQ1, 1)
	return k.div(k.mul(e, p), q), e, t
}

func geluErf(k *kernel, x group) group {
	tail, _, _ := k.normalTail(x)
	left := k.mul(k.mul(x, tail), lower)
	k.negMulAdd(tail, lower, k.fix(1))
	return k.whereNegative(x, left, k.mul(tail, x))
}

// geluErfGrad: the derivative is Φ(x) + x·φ(x). Its value at −t is 1 minus its value at t.
func geluErfGrad(k *kernel, x group) group {
	g, e, t := k.normalTail(x)
	k.deduct(g, k.mul(t, constant(density)), e)
	g = k.mul(g, lower)
	g = k.whereNegative(x, g, k.sub(k.fix(1), g))
	return k.mul(g, k.load("dy"))
}

func relu(k *kernel, x group) group { return k.wherePositive(x, x, k.fix(0)) }

func reluGrad(k *kernel, x group) group { return k.wherePositive(k.load("dy"), x, k.fix(0)) }

func squaredReLU(k *kernel, x group) group {
	y := relu(k, x)
	return k.mul(y, y)
}

func squaredReLUGrad(k *kernel, x group) group {
	return k.mul(k.mul(relu(k, x), constant(2)), k.load("dy"))
}
