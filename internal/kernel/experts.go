package kernel

// The choices of a token are slots: rows of a buffer that is sorted by expert. A negative slot means none. slots
// has k entries for each token, whole numbers stored as float32.

// Dispatch sets row slots[n·k+j] of out to row n of x, for all j. The other rows of out are left unchanged.
func Dispatch(out, x, slots []float32, k, width int) {
	call{out: out, x: x, y: slots, rows: k, width: width}.split(len(slots)/k, rowGrain(additionGrain, k*width), func(c *call, lo, hi int) {
		for n := lo; n < hi; n++ {
			for _, slot := range c.y[n*c.rows : (n+1)*c.rows] {
				if slot >= 0 {
					copy(c.row(c.out, int(slot)), c.row(c.x, n))
				}
			}
		}
	})
}

// Combine sets row n of out to the sum over j of weights[n·k+j] times row slots[n·k+j] of x, in the order of j.
// If weights is nil, they are 1.
func Combine(out, x, slots, weights []float32, k, width int) {
	call{out: out, x: x, y: slots, grad: weights, rows: k, width: width}.split(len(slots)/k, rowGrain(additionGrain, k*width), func(c *call, lo, hi int) {
		clear(c.out[lo*c.width : hi*c.width])
		for i := lo * c.rows; i < hi*c.rows; i++ {
			factor := float32(1)
			if len(c.grad) > 0 {
				factor = c.grad[i]
			}
			if slot := c.y[i]; slot >= 0 {
				active.vec.axpy(c.row(c.out, i/c.rows), factor, c.row(c.x, int(slot)))
			}
		}
	})
}

// CombineGrad computes the gradients of Combine from dout, the gradient of out: dx, whose rows that are not in
// slots are left unchanged, and dweights. Either may be nil.
func CombineGrad(dx, dweights, dout, x, slots, weights []float32, k, width int) {
	c := call{out: dx, moment1: dweights, gain: dout, x: x, y: slots, grad: weights, rows: k, width: width}
	c.split(len(slots)/k, rowGrain(additionGrain, 2*k*width), func(c *call, lo, hi int) {
		for i := lo * c.rows; i < hi*c.rows; i++ {
			slot, dot, dout := int(c.y[i]), float32(0), c.row(c.gain, i/c.rows)
			if slot >= 0 && len(c.out) > 0 {
				active.vec.scale(c.row(c.out, slot), dout, c.grad[i])
			}
			if slot >= 0 && len(c.moment1) > 0 {
				dot = active.vec.dot(dout, c.row(c.x, slot))
			}
			if len(c.moment1) > 0 {
				c.moment1[i] = dot
			}
		}
	})
}
