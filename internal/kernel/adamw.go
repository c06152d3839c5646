package kernel

import "math"

// AdamW holds the constants of one update of Adam with decoupled weight decay (Loshchilov & Hutter 2019,
// algorithm 2). The bias corrections of the step are already folded into them, so that one pass over the weights
// does everything. The assembly reads the fields in their order.
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

// tinyMoment is the magnitude below which a moment is set to 0. The moments of a weight that no longer gets a
// gradient, such as the embedding of a token that has become rare, would shrink to denormal numbers, stay there,
// and slow every update down a hundredfold. The weights are not affected: both moments are negligible next to any
// sensible ε long before.
const tinyMoment = 0x1p-100

// adamGrain is the number of weights that a goroutine handles at a time: four arrays of this size stay within a
// second-level cache.
const adamGrain = 1 << 14

// Update does one step in place: it updates the weights w and the moments m and v from the gradient g. The slices
// have the same length.
func (c AdamW) Update(w, g, m, v []float32) {
	n := len(w)
	call{weight: w, grad: g[:n], moment1: m[:n], moment2: v[:n], adamW: c}.split(n, adamGrain, func(c *call, lo, hi int) {
		active.vec.adamW(&c.adamW, c.weight[lo:hi], c.grad[lo:hi], c.moment1[lo:hi], c.moment2[lo:hi])
	})
}

// update writes each product in a sum as float32(…): the language then forbids fusing it into the addition, and
// every architecture gives the same bits.
func (c *AdamW) update(w, g, m, v []float32) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i, x := range w {
		d := g[i] * c.Clip
		mi := m[i] + float32(c.Fresh1*(d-m[i]))
		vi := float32(c.Beta2*v[i]) + float32(float32(c.Fresh2*d)*d)
		if mi < tinyMoment && mi > -tinyMoment {
			mi = 0
		}
		if vi < tinyMoment && vi > -tinyMoment {
			vi = 0
		}
		m[i], v[i] = mi, vi
		root := float32(math.Sqrt(float64(vi)))
		w[i] = float32(x*c.Shrink) - c.Rate*mi/(float32(root*c.Root)+c.Eps)
	}
}
