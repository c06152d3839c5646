package kernel

// Sigmoid sets out to the logistic function 1/(1 + e^(−x)), within 3 units in the last place. out may be x.
func Sigmoid(out, x []float32) {
	call{out: out[:len(x)], x: x}.split(len(x), exponentialGrain, func(c *call, lo, hi int) {
		active.vec.sigmoid(c.out[lo:hi], c.x[lo:hi])
	})
}

// SigmoidGrad sets dx = dy·y·(1 − y) from Sigmoid's result y. dx may be dy or y.
func SigmoidGrad(dx, y, dy []float32) {
	call{out: dx[:len(y)], x: y, y: dy[:len(y)]}.split(len(y), elementGrain, func(c *call, lo, hi int) {
		active.vec.sigmoidGrad(c.out[lo:hi], c.x[lo:hi], c.y[lo:hi])
	})
}

func sigmoid(x float64) float64 { return 1 / (1 + exp(-x)) }

func sigmoidGrad(dx, y, dy []float32) {
	for i, v := range y {
		dx[i] = dy[i] * v * (1 - v)
	}
}
