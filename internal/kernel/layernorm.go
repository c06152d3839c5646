package kernel

import "math"

// LayerNorm normalizes the rows of x to mean 0 and variance 1 (over the width, without Bessel's correction),
// multiplies by gain and adds bias, which may be nil. It stores each row's mean and reciprocal standard deviation
// for [LayerNormGrad]. out may be x.
func LayerNorm(out, x, gain, bias, mean, rstd []float32, epsilon float64) {
	width, rows := len(gain), len(mean)
	if bias != nil {
		bias = bias[:width]
	}
	c := call{
		out: out[:rows*width], x: x[:rows*width], gain: gain, bias: bias, mean: mean, rstd: rstd[:rows],
		width: width, epsilon: epsilon,
	}
	c.split(rows, rowGrain(elementGrain, width), func(c *call, lo, hi int) {
		for r := lo; r < hi; r++ {
			x, out := c.row(c.x, r), c.row(c.out, r)
			mu := active.vec.sum(x) / float32(c.width)
			variance := active.vec.squares(x, mu) / float32(c.width)
			c.mean[r], c.rstd[r] = mu, float32(1/math.Sqrt(float64(variance)+c.epsilon))
			active.vec.normalize(out, x, c.gain, c.bias, mu, c.rstd[r])
		}
	})
}

func squares(x []float32, mean float32) float32 {
	var sum float64
	for _, v := range x {
		d := float64(v - mean)
		sum += d * d
	}
	return float32(sum)
}

func normalize(out, x, gain, bias []float32, mean, rstd float32) {
	for i, v := range x {
		out[i] = (v - mean) * rstd * gain[i]
	}
	for i, b := range bias {
		out[i] += b
	}
}

// LayerNormGrad sets dx to the gradient of LayerNorm's input. dx may be dy or x.
func LayerNormGrad(dx, dy, x, gain, mean, rstd []float32) {
	width, rows := len(gain), len(mean)
	c := call{
		out: dx[:rows*width], y: dy[:rows*width], x: x[:rows*width], gain: gain, mean: mean, rstd: rstd[:rows],
		width: width,
	}
	c.split(rows, rowGrain(elementGrain, width), func(c *call, lo, hi int) {
		for r := lo; r < hi; r++ {
			x, dy, n := c.row(c.x, r), c.row(c.y, r), float32(c.width)
			s, d := active.vec.normSums(dy, x, c.gain, c.mean[r], c.rstd[r])
			active.vec.normGrad(c.row(c.out, r), dy, x, c.gain, c.mean[r], c.rstd[r], s/n, d/n)
		}
	})
}

func normSums(dy, x, gain []float32, mean, rstd float32) (s, d float32) {
	var sum, dot float64
	for i, v := range dy {
		g := float64(v * gain[i])
		sum += g
		dot += g * float64((x[i]-mean)*rstd)
	}
	return float32(sum), float32(dot)
}

func normGrad(dx, dy, x, gain []float32, mean, rstd, s, d float32) {
	for i, v := range dy {
		dx[i] = rstd * (v*gain[i] - s - (x[i]-mean)*rstd*d)
	}
}

// LayerNormGradParams sets dgain and, unless nil, dbias to the gradients of gain and bias.
func LayerNormGradParams(dgain, dbias, dy, x, mean, rstd []float32) {
	width, rows := len(dgain), len(mean)
	if dbias != nil {
		dbias = dbias[:width]
	}
	c := call{gain: dgain, bias: dbias, y: dy[:rows*width], x: x[:rows*width], mean: mean, rstd: rstd[:rows]}
	c.split(width, columnGrain(elementGrain, rows), func(c *call, lo, hi int) {
		dgain, dbias := c.gain[lo:hi], c.bias
		clear(dgain)
		if dbias != nil {
			dbias = dbias[lo:hi]
			clear(dbias)
		}
		if len(c.mean) > 0 {
			active.vec.normGradParams(dgain, dbias, c.y[lo:], c.x[lo:], c.mean, c.rstd, len(c.gain))
		}
	})
}

func normGradParams(dgain, dbias, dy, x, mean, rstd []float32, stride int) {
	for r, mu := range mean {
		x, dy := x[r*stride:][:len(dgain)], dy[r*stride:][:len(dgain)]
		for i, d := range dy {
			dgain[i] += d * ((x[i] - mu) * rstd[r])
		}
		for i := range dbias {
			dbias[i] += dy[i]
		}
	}
}
