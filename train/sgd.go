package train

import "github.com/gorgpt/gorgpt/internal/kernel"

// SGD is stochastic gradient descent, with momentum if that is above 0, as in PyTorch (Sutskever et
// al. 2013, except that the rate multiplies the momentum too). With the clipped gradient g, each
// weight w becomes
//
//	m = Momentum·m + g
//	w = (1 - Rate·Decay)·w - Rate·m            or, by Nesterov, Rate·(g + Momentum·m)
//
// The decay is decoupled, as in AdamW; PyTorch adds it to the gradient.
type SGD struct {
	Momentum float64
	Nesterov bool
}

// NewSGD returns an optimizer with momentum 0.9 and a learning rate of 0.1, without decay or
// clipping.
func NewSGD() *Optimizer { return &Optimizer{Rule: SGD{Momentum: 0.9}, LearnRate: 0.1} }

// Name is "SGD".
func (SGD) Name() string { return "SGD" }

// Elementwise is true.
func (SGD) Elementwise() bool { return true }

// momentumKept is PyTorch's name for the momentum.
var momentumKept = []string{"momentum_buffer"}

// Keeps names the momentum, if there is one.
func (s SGD) Keeps([]int) ([]string, error) {
	if s.Momentum == 0 {
		return nil, nil
	}
	return momentumKept, nil
}

// optimizerGrain is the number of weights that a goroutine processes at a time.
const optimizerGrain = 1 << 14

// Apply makes an update. Each product is rounded, so that the result is the same on every platform.
func (s SGD) Apply(c *Change) {
	clip, shrink, rate, mu := float32(c.Clip), c.shrink(), float32(c.Rate), float32(s.Momentum)
	kernel.For(len(c.Weight), optimizerGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			d := float32(c.Grad[i] * clip)
			if len(c.Kept) > 0 {
				m := float32(mu*c.Kept[0][i]) + d
				c.Kept[0][i] = m
				if s.Nesterov {
					d += float32(mu * m)
				} else {
					d = m
				}
			}
			c.Weight[i] = float32(c.Weight[i]*shrink) - float32(rate*d)
		}
	})
}
