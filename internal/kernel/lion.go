package kernel

import "math"

// signBit is the sign bit of a float32.
const signBit = 1 << 31

// Lion holds the constants of one update of Lion (Chen et al. 2023, algorithm 2). Its loop is plain Go: its time
// is negligible next to a training step.
type Lion struct {
	Clip   float32 // factor on the gradient, 1 for none
	Shrink float32 // factor on the weight: 1 - lr·decay
	Rate   float32 // lr
	Beta1  float32 // weight of the mean in the direction
	Beta2  float32 // weight of the mean in the next mean
}

// Update does one step in place: it updates the weights w and the mean m from the gradient g. The slices have the
// same length.
func (c Lion) Update(w, g, m []float32) {
	n := len(w)
	call{weight: w, grad: g[:n], moment1: m[:n], lion: c}.split(n, adamGrain, func(c *call, lo, hi int) {
		c.lion.update(c.weight[lo:hi], c.grad[lo:hi], c.moment1[lo:hi])
	})
}

// update rounds each product, as AdamW's does, to give the same bits everywhere.
func (c *Lion) update(w, g, m []float32) {
	g, m = g[:len(w)], m[:len(w)]
	for i, x := range w {
		d := g[i] * c.Clip
		mean := m[i]
		direction := mean + float32((1-c.Beta1)*(d-mean))
		next := d + float32(c.Beta2*(mean-d))
		if next < tinyMoment && next > -tinyMoment {
			next = 0
		}
		m[i] = next
		// The sign is copied as a bit, since no branch predictor could predict it.
		step := math.Float32frombits(math.Float32bits(direction)&signBit | math.Float32bits(c.Rate))
		if direction == 0 || direction != direction {
			step = 0
		}
		w[i] = float32(x*c.Shrink) - step
	}
}
