package main

import "math"

// logistic describes x·s(beta·x) with the logistic function s(v) = 1/(1 + e⁻ᵛ).
type logistic struct {
	name string
	beta float64
}

var logistics = []logistic{{"silu", 1}, {"quickGELU", 1.702}}

// limit is a t at which e^(−beta·t)·2^lift is 0.
func (l logistic) limit() constant { return constant(math.Ceil(125 / l.beta)) }

// decay returns e^(−beta·t)·2^lift at t = |x|, and t. The product beta·t is never rounded: multiples of ln 2/beta
// are subtracted from t itself.
func (l logistic) decay(k *kernel, x group) (e, t group) {
	t = k.atMost(k.abs(x), k.fix(l.limit()))
	bits := k.copy(roundUp + lift)
	k.deduct(bits, t, constant(l.beta*math.Log2E))
	n := k.sub(bits, roundUp+lift)
	step, stepLow := split(math.Ln2 / l.beta)
	r := k.copy(n)
	k.negMulSub(r, step, t)
	r = k.mul(k.sub(r, k.mul(n, stepLow)), constant(l.beta))
	return k.timesPower2(k.expReduced(r), bits), t
}

func (l logistic) value(k *kernel, x group) group {
	e, _ := l.decay(k, x)
	over := k.whereNegative(x, k.mul(k.mul(x, e), lower), x)
	k.mulAdd(e, lower, k.fix(1))
	return k.div(over, e)
}

// sigmoid is s(x): d for x ≥ 0 and e·d for x < 0, with d as in grad.
func sigmoid(k *kernel, x group) group {
	e, _ := logistics[0].decay(k, x)
	over := k.whereNegative(x, k.mul(e, lower), k.fix(1))
	k.mulAdd(e, lower, k.fix(1))
	return k.div(over, e)
}

// grad: the derivative is s + x·s·(1 − s)·beta, with s in terms of d and e as in geluTanhGrad.
func (l logistic) grad(k *kernel, x group) group {
	e, t := l.decay(k, x)
	under := k.copy(e)
	k.mulAdd(under, lower, k.fix(1))
	d := k.div(k.fix(1), under)
	h := k.mul(k.mul(t, d), constant(l.beta/(1<<lift)))
	right := k.copy(h)
	k.mulAdd(right, e, k.fix(1))
	left := k.mul(k.sub(k.copy(lower), h), e)
	return k.mul(k.mul(k.whereNegative(k.load("x"), left, right), d), k.load("dy"))
}

func sigmoidGrad(s set) {
	k := begin(s, "sigmoidGrad", "(dx, y, dy []float32)", 4, "sets dx to dy·y·(1 - y). All are of one length.")
	k.slices("y", "dx", "dy")
	one := k.fix(1)
	k.loop(func() {
		y := k.load("y")
		k.store("dx", k.mul(k.mul(k.load("dy"), y), k.sub(one, y)))
	})
	k.end()
}
