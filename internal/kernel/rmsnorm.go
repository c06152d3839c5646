package kernel

import "math"

// RMSNorm divides the rows of x by the root of their mean square and multiplies them by gain, which is as wide as
// a row. It stores each reciprocal root for [RMSNormGrad]. out may be x.
func RMSNorm(out, x, gain, rstd []float32, epsilon float64) {
	width, rows := len(gain), len(rstd)
	c := call{out: out[:rows*width], x: x[:rows*width], gain: gain, rstd: rstd, width: width, epsilon: epsilon}
	c.split(rows, rowGrain(elementGrain, width), func(c *call, lo, hi int) {
		for r := lo; r < hi; r++ {
			x, out := c.row(c.x, r), c.row(c.out, r)
			square := active.vec.squares(x, 0) / float32(c.width)
			c.rstd[r] = float32(1 / math.Sqrt(float64(square)+c.epsilon))
			active.vec.normalize(out, x, c.gain, nil, 0, c.rstd[r])
		}
	})
}

// RMSNormGrad sets dx to the gradient of RMSNorm's input. dx may be dy or x.
func RMSNormGrad(dx, dy, x, gain, rstd []float32) {
	width, rows := len(gain), len(rstd)
	c := call{out: dx[:rows*width], y: dy[:rows*width], x: x[:rows*width], gain: gain, rstd: rstd, width: width}
	c.split(rows, rowGrain(elementGrain, width), func(c *call, lo, hi int) {
		for r := lo; r < hi; r++ {
			x, dy := c.row(c.x, r), c.row(c.y, r)
			_, d := active.vec.normSums(dy, x, c.gain, 0, c.rstd[r])
			active.vec.normGrad(c.row(c.out, r), dy, x, c.gain, 0, c.rstd[r], 0, d/float32(c.width))
		}
	})
}

// RMSNormGradGain sets dgain to the gradient of gain.
func RMSNormGradGain(dgain, dy, x, rstd []float32) {
	width, rows := len(dgain), len(rstd)
	c := call{gain: dgain, y: dy[:rows*width], x: x[:rows*width], rstd: rstd}
	c.split(width, columnGrain(elementGrain, rows), func(c *call, lo, hi int) {
		width := len(c.gain)
		clear(c.gain[lo:hi])
		for r := 0; r < len(c.rstd); r += len(noMeans) {
			rstd := c.rstd[r:min(r+len(noMeans), len(c.rstd))]
			active.vec.normGradParams(c.gain[lo:hi], nil, c.y[r*width+lo:], c.x[r*width+lo:], noMeans[:len(rstd)], rstd, width)
		}
	})
}

// noMeans are zeros, in place of the means of a LayerNorm.
var noMeans [1 << 10]float32
