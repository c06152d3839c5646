package kernel

import "math"

// AdamW holds the constants of one update of Adam with decoupled weight decay
// (Loshchilov & Hutter 2019, algorithm 2), already folded with the bias
// corrections of the step, so that one pass over the weights does everything.
type AdamW struct {
	Clip   float32 // factor on the gradient, 1 for none
	Shrink float32 // factor on the weight: 1 - lr·decay
	Fresh1 float32 // 1 - β₁, the share of the new gradient in the first moment
	Beta2  float32 // β₂
	Fresh2 float32 // 1 - β₂
	Rate   float32 // lr / (1 - β₁ᵗ)
	Root   float32 // 1 / √(1 - β₂ᵗ)
	Eps    float32 // ε, outside the root
}

// adamGrain is the number of weights one goroutine takes at a time: four
// streams of it stay within a second-level cache.
const adamGrain = 1 << 14

// Update does one step in place: weights w and moments m, v from gradient g,
// which it leaves at zero for the next step to add to: that saves a pass over
// it. The slices have one length.
func (c AdamW) Update(w, g, m, v []float32) {
	For(len(w), adamGrain, func(lo, hi int) {
		c.update(w[lo:hi], g[lo:hi], m[lo:hi], v[lo:hi])
	})
}

// update writes each product of a sum as float32(…): the language then forbids
// fusing it into the addition, and every architecture gives the same bits.
func (c AdamW) update(w, g, m, v []float32) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i, x := range w {
		d := g[i] * c.Clip
		mi := m[i] + float32(c.Fresh1*(d-m[i]))
		vi := float32(c.Beta2*v[i]) + float32(float32(c.Fresh2*d)*d)
		m[i], v[i], g[i] = mi, vi, 0
		root := float32(math.Sqrt(float64(vi)))
		w[i] = float32(x*c.Shrink) - c.Rate*mi/(float32(root*c.Root)+c.Eps)
	}
}
