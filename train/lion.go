package train

import "github.com/gorgpt/gorgpt/internal/kernel"

// Lion steps by the sign of a running mean of the gradient (Chen et al. 2023, "Symbolic Discovery
// of Optimization Algorithms", algorithm 2), so every weight moves by the same amount. Its state is
// half of AdamW's. It needs a learning rate 3 to 10 times smaller than AdamW's, and a decay larger
// by the same factor.
//
// With the clipped gradient g, each weight w becomes
//
//	w = (1 - Rate·Decay)·w - Rate·sign(β₁·m + (1-β₁)·g)
//	m = β₂·m + (1-β₂)·g
type Lion struct {
	Beta1 float64 // weight of the running mean in the direction of a step
	Beta2 float64 // decay rate of the running mean
}

// NewLion returns an optimizer with the settings of the paper for language models (§4.4, appendix):
// β 0.95 and 0.98, decay 1. The learning rate is 1e-4, and clip is 1.
func NewLion() *Optimizer {
	return &Optimizer{Rule: Lion{Beta1: 0.95, Beta2: 0.98}, LearnRate: 1e-4, Decay: 1, Clip: 1}
}

// Name is "Lion".
func (Lion) Name() string { return "Lion" }

// Elementwise is true.
func (Lion) Elementwise() bool { return true }

// Keeps names the running mean.
func (l Lion) Keeps([]int) ([]string, error) {
	return adamKept[:1], checkShares("β", l.Beta1, l.Beta2)
}

// Apply makes an update.
func (l Lion) Apply(c *Change) {
	kernel.Lion{
		Clip: float32(c.Clip), Shrink: c.shrink(), Rate: float32(c.Rate), Beta1: float32(l.Beta1), Beta2: float32(l.Beta2),
	}.Update(c.Weight, c.Grad, c.Kept[0])
}
