package kernel

import (
	"math/bits"
	"sync/atomic"
)

// Variants are changes to the attention scores before the softmax. The zero value changes nothing.
type Variants struct {
	// SoftCap keeps scores within ±SoftCap: z becomes SoftCap·tanh(z/SoftCap). 0 means no cap.
	SoftCap float32
	// Slopes, one for each query head, lower the scores with distance: slope·(u − t) is added to the score of
	// query t and key u, after the cap (Press et al. 2022, ALiBi). nil means none.
	Slopes []float32
}

// any reports whether apply does anything.
func (v *Variants) any() bool { return v.SoftCap > 0 || v.Slopes != nil }

// alpha is the factor on products of queries and keys that apply expects.
func (v *Variants) alpha(scale float32) float32 {
	if v.SoftCap > 0 {
		return 2 * scale / v.SoftCap
	}
	return scale
}

// apply turns products of a query of head h with consecutive keys into scores. The first key is at offset, 0 or
// negative, from the query. If there is a cap and slope is not nil, slope is set to the derivative of each score
// with respect to its product.
func (v *Variants) apply(z, slope []float32, h, offset int) {
	if v.SoftCap > 0 {
		capRow(z, slope, v.SoftCap)
	}
	if v.Slopes == nil {
		return
	}
	distances := below(-offset)
	active.vec.axpy(z, v.Slopes[h], distances[len(distances)-1+offset:][:len(z)])
}

// belowZero is the longest slice that below has made.
var belowZero atomic.Pointer[[]float32]

// below returns consecutive whole numbers that end with 0 and begin at −n or lower.
func below(n int) []float32 {
	if all := belowZero.Load(); all != nil && len(*all) > n {
		return *all
	}
	all := make([]float32, 1<<bits.Len(uint(n)))
	for i := range all {
		all[i] = float32(i - len(all) + 1)
	}
	belowZero.Store(&all)
	return all
}

// capRow turns z, which is 2x/limit, into limit·tanh(x/limit), and sets slope, unless nil, to the derivative with
// respect to x.
func capRow(z, slope []float32, limit float32) {
	if slope == nil {
		active.vec.softCap(z, z, limit)
		return
	}
	active.vec.softCapSlope(z, slope[:len(z)], z, limit, 1/limit)
}

func softCap(out, x []float32, limit float32) {
	for i, v := range x {
		out[i] = float32(float64(limit) * (1 - 2/(1+exp(float64(v)))))
	}
}

func softCapSlope(out, slope, x []float32, limit, inverse float32) {
	softCap(out, x, limit)
	for i, y := range out {
		t := y * inverse
		slope[i] = (1 - t) * (1 + t)
	}
}

func softCapGrad(dx, y, dy []float32, limit float32) {
	for i, v := range y {
		t := v / limit
		dx[i] = dy[i] * ((1 - t) * (1 + t))
	}
}

// SoftCap sets out = limit·tanh(x/limit). out may be x.
func SoftCap(out, x []float32, limit float32) {
	call{out: out[:len(x)], x: x, alpha: limit}.split(len(x), exponentialGrain, func(c *call, lo, hi int) {
		active.vec.scale(c.out[lo:hi], c.x[lo:hi], 2/c.alpha)
		capRow(c.out[lo:hi], nil, c.alpha)
	})
}

// SoftCapGrad sets dx = dy·(1 − (y/limit)²) from SoftCap's result y. dx may be dy or y.
func SoftCapGrad(dx, y, dy []float32, limit float32) {
	call{out: dx[:len(y)], x: y, y: dy[:len(y)], alpha: limit}.split(len(y), elementGrain, func(c *call, lo, hi int) {
		active.vec.softCapGrad(c.out[lo:hi], c.x[lo:hi], c.y[lo:hi], c.alpha)
	})
}

// sinkTerm is the contribution of a sink, if there is one, to the sum of a softmax whose scores are reduced by
// shift.
func sinkTerm(sink []float32, shift float32) float64 {
	if sink == nil {
		return 0
	}
	return exp(float64(sink[0] - shift))
}

// sinkGrads sets dsinks, the gradients of the sinks. A sink has no value, so its gradient is the sum over the
// queries of −weight·(output · gradient of the output).
func (a *Attention) sinkGrads(dsinks, sinks, dout, out, stats []float32, size int) {
	For(a.Heads, 1, func(lo, hi int) {
		for h := lo; h < hi; h++ {
			sum := 0.0
			for row := range a.Batch * a.Context {
				stat := stats[2*((row/a.Context*a.Heads+h)*a.Context+row%a.Context):]
				from, to := (row*a.Heads+h)*size, (row*a.Heads+h+1)*size
				dot := active.vec.dot(dout[from:to], out[from:to])
				sum -= exp(float64(sinks[h]-stat[0])) * float64(stat[1]) * float64(dot)
			}
			dsinks[h] = float32(sum)
		}
	})
}
