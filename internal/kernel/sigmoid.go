package kernel

// Sigmoid sets out to the logistic function 1/(1 + e^(−x)). out may be x.
func Sigmoid(out, x []float32) {
	call{out: out[:len(x)], x: x}.split(len(x), exponentialGrain, func(c *call, lo, hi int) {
		for i := lo; i < hi; i++ {
			c.out[i] = float32(1 / (1 + exp(-float64(c.x[i]))))
		}
	})
}

// SigmoidGrad sets dx = dy·y·(1 − y) from Sigmoid's result y. dx may be dy or y.
func SigmoidGrad(dx, y, dy []float32) {
	call{out: dx[:len(y)], x: y, y: dy[:len(y)]}.split(len(y), elementGrain, func(c *call, lo, hi int) {
		for i := lo; i < hi; i++ {
			c.out[i] = c.y[i] * c.x[i] * (1 - c.x[i])
		}
	})
}
