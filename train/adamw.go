package train

import (
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// AdamW is Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).
// Gorgonia's own AdamW in v0.9.18 decays a copy of the weights and so never changes
// them.
//
// With the clipped gradient g of update t = 1, 2, …, each weight w becomes
//
//	m = β₁·m + (1-β₁)·g
//	v = β₂·v + (1-β₂)·g²
//	w = (1 - Rate·Decay)·w - Rate · m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + Epsilon)
//
// as in PyTorch.
type AdamW struct {
	Beta1   float64 // decay rate of the running mean of the gradient
	Beta2   float64 // decay rate of the running mean of its square
	Epsilon float64 // added outside the square root
}

// NewAdamW returns an optimizer with the settings GPT-3 was trained with (Brown et al. 2020,
// appendix B), which reproductions of GPT-2 use too: β 0.9 and 0.95, ε 1e-8, decay 0.1, clip 1. The
// learning rate is 6e-4.
func NewAdamW() *Optimizer {
	return &Optimizer{Rule: AdamW{Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8}, LearnRate: 6e-4, Decay: 0.1, Clip: 1}
}

// Name is "AdamW".
func (AdamW) Name() string { return "AdamW" }

// Elementwise is true.
func (AdamW) Elementwise() bool { return true }

// adamKept are PyTorch's names for the two moments.
var adamKept = []string{"exp_avg", "exp_avg_sq"}

// Keeps names the two moments.
func (a AdamW) Keeps([]int) ([]string, error) { return adamKept, checkShares("β", a.Beta1, a.Beta2) }

// checkShares returns an error if a decay rate is not in [0, 1).
func checkShares(of string, rates ...float64) error {
	for _, r := range rates {
		if !(r >= 0 && r < 1) {
			return fmt.Errorf("%s is %v, want a number in [0, 1)", of, r)
		}
	}
	return nil
}

// Apply makes an update.
func (a AdamW) Apply(c *Change) {
	t := float64(c.Step)
	kernel.AdamW{
		Clip:   float32(c.Clip),
		Shrink: c.shrink(),
		Fresh1: float32(1 - a.Beta1),
		Beta2:  float32(a.Beta2),
		Fresh2: float32(1 - a.Beta2),
		Rate:   float32(c.Rate / (1 - math.Pow(a.Beta1, t))),
		Root:   float32(1 / math.Sqrt(1-math.Pow(a.Beta2, t))),
		Eps:    float32(a.Epsilon),
	}.Update(c.Weight, c.Grad, c.Kept[0], c.Kept[1])
}
