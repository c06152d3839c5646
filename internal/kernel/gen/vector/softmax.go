package main

import (
	. "github.com/mmcloughlin/avo/build"
)

// softmax writes the row kernels related to softmax. Sums are accumulated in unroll vectors of partial sums, so
// their order depends only on the length of the row.
func softmax(s set) {
	maximum(s)
	expSum(s, "sumExp", false)
	expSum(s, "expSum", true)
	expScale(s)
	softCap(s)
	softCapGrad(s)
	sum(s)
	dot(s)
	softmaxGrad(s)
	logSoftmax(s)
	logSoftmaxGrad(s)
}

// maximum: the instruction loses NaN, so NaNs are detected separately.
func maximum(s set) {
	k := begin(s, "maximum", "(x []float32) (largest float32)", 4, "returns the largest element of x, or NaN if there is one. x is not empty.")
	k.slices("x")
	largest, odd := k.fromFirst("x"), k.nothing()
	k.loop(func() {
		x := k.load("x")
		k.keepWhereMissing(x, largest)
		k.noteNaN(odd, x)
		for i := range x {
			VMAXPS(x[i], largest[i], largest[i])
		}
	})
	v := k.reduce(VMAXPS, largest)
	k.result("largest", v)
	k.ifAny(odd, func() {
		nan := k.vec()
		VPCMPEQD(nan.AsX(), nan.AsX(), nan.AsX())
		k.result("largest", nan)
	})
	k.end()
}

// expSum writes Σ exp(x − shift). If stores is set, the kernel also stores the terms in out.
func expSum(s set, name string, stores bool) {
	signature, doc, slices := "(x []float32, shift float32) (sum float32)", "returns Σ exp(x - shift).", []string{"x"}
	if stores {
		signature, doc, slices = "(out, x []float32, shift float32) (sum float32)", "sets out to exp(x - shift) and returns its sum. out is as long as x.", []string{"x", "out"}
	}
	k := begin(s, name, signature, wide(s), doc)
	k.slices(slices...)
	k.fixExp()
	shift, total := k.scalar("shift"), k.zeros()
	k.loop(func() {
		e := k.exp(k.sub(k.load("x"), shift))
		if stores {
			k.store("out", e)
		}
		k.sumInto(total, k.existing(e))
	})
	k.result("sum", k.reduce(VADDPS, total))
	k.end()
}

func expScale(s set) {
	k := begin(s, "expScale", "(out, x []float32, shift, factor float32)", wide(s), "sets out to factor·exp(x - shift). out is as long as x.")
	k.slices("x", "out")
	k.fixExp()
	shift, factor := k.scalar("shift"), k.scalar("factor")
	k.loop(func() { k.store("out", k.mul(k.exp(k.sub(k.load("x"), shift)), factor)) })
	k.end()
}

// softCap: tanh(x/2) is 1 − 2/(1 + eˣ).
func softCap(s set) {
	for _, slopes := range []bool{false, true} {
		name, parameters, doc := "softCap", "(out, x []float32, limit float32)", "sets out to limit·tanh(x/2). out is as long as x."
		slices := []string{"x", "out"}
		if slopes {
			name, parameters = "softCapSlope", "(out, slope, x []float32, limit, inverse float32)"
			doc, slices = "sets out to limit·tanh(x/2), and slope to 1 - tanh²(x/2). All are of one length. inverse is 1/limit.", append(slices, "slope")
		}
		k := begin(s, name, parameters, wide(s), doc)
		k.slices(slices...)
		k.fixExp()
		one, limit := k.fix(1), k.scalar("limit")
		var inverse broadcast
		if slopes {
			inverse = k.scalar("inverse")
		}
		k.loop(func() {
			rest := k.mul(k.div(limit, k.add(k.exp(k.load("x")), one)), constant(2))
			y := k.sub(limit, rest)
			k.store("out", y)
			if slopes {
				k.store("slope", k.bend(k.mul(y, inverse), one))
			}
		})
		k.end()
	}
}

// bend is 1 − t².
func (k *kernel) bend(t group, one broadcast) group { return k.mul(k.sub(one, t), k.add(t, one)) }

func softCapGrad(s set) {
	k := begin(s, "softCapGrad", "(dx, y, dy []float32, limit float32)", 4, "sets dx to dy·(1 - (y/limit)²). All are of one length.")
	k.slices("y", "dx", "dy")
	one, limit := k.fix(1), k.scalar("limit")
	k.loop(func() { k.store("dx", k.mul(k.bend(k.div(k.load("y"), limit), one), k.load("dy"))) })
	k.end()
}

func sum(s set) {
	k := begin(s, "sum", "(x []float32) (sum float32)", 4, "returns Σ x.")
	k.slices("x")
	total := k.zeros()
	k.loop(func() { k.sumInto(total, k.load("x")) })
	k.result("sum", k.reduce(VADDPS, total))
	k.end()
}

func dot(s set) {
	k := begin(s, "dot", "(x, y []float32) (sum float32)", 4, "returns Σ x·y. They are of one length.")
	k.slices("x", "y")
	total := k.zeros()
	k.loop(func() { k.accumulate(total, k.load("x"), k.load("y")) })
	k.result("sum", k.reduce(VADDPS, total))
	k.end()
}

func softmaxGrad(s set) {
	k := begin(s, "softmaxGrad", "(dx, y, dy []float32, dot float32)", 4, "sets dx to y·(dy - dot). All are of one length.")
	k.slices("y", "dx", "dy")
	dot := k.scalar("dot")
	k.loop(func() { k.store("dx", k.mul(k.sub(k.load("dy"), dot), k.load("y"))) })
	k.end()
}

func logSoftmax(s set) {
	k := begin(s, "logSoftmax", "(out, x []float32, high, low float32)", 4, "sets out to x - high - low. out is as long as x.")
	k.slices("x", "out")
	high, low := k.scalar("high"), k.scalar("low")
	k.loop(func() { k.store("out", k.sub(k.sub(k.load("x"), high), low)) })
	k.end()
}

func logSoftmaxGrad(s set) {
	k := begin(s, "logSoftmaxGrad", "(dx, y, dy []float32, sum float32)", wide(s), "sets dx to dy - exp(y)·sum. All are of one length.")
	k.slices("y", "dx", "dy")
	k.fixExp()
	sum := k.scalar("sum")
	k.loop(func() {
		dx := k.load("dy")
		k.deduct(dx, k.exp(k.load("y")), sum)
		k.store("dx", dx)
	})
	k.end()
}
