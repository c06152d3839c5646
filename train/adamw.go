package train

import (
	"math"

	"github.com/gorgpt/gorgpt/internal/kernel"
	"gorgonia.org/gorgonia"
)

// AdamW is Adam with decoupled weight decay (Loshchilov & Hutter 2019,
// algorithm 2) and a clip of the gradient's global norm. It is a
// [gorgonia.Solver] over float32 tensors; Gorgonia's own AdamW in v0.9.18
// decays a copy of the weights and so never changes them.
//
// With gradient g of update t = 1, 2, …, scaled by min(1, Clip/(‖g‖ + 1e-6))
// over all parameters together, each weight w becomes
//
//	m = β₁·m + (1-β₁)·g
//	v = β₂·v + (1-β₂)·g²
//	w = (1 - LearnRate·Decay)·w - LearnRate · m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + Epsilon)
//
// as PyTorch does it. The fields may be changed between two updates.
type AdamW struct {
	LearnRate float64 // size of a step; a [Trainer] sets it from its [Schedule]
	Beta1     float64 // memory of the mean of the gradient
	Beta2     float64 // memory of its square
	Epsilon   float64 // added outside the root

	// Decay pulls weights towards zero. It applies to tensors of rank 2 and
	// more, so not to biases and gains, unless the parameter has a method
	// Decay() bool, which then decides, or is of one of the Groups.
	Decay  float64
	Groups []Group

	// Clip is the largest global norm of the gradient; 0 leaves it as it is.
	Clip float64

	memory
}

// Endings of the names of AdamW's moments, PyTorch's words for them.
const (
	firstMoment  = ".exp_avg"
	secondMoment = ".exp_avg_sq"
)

// NewAdamW returns a solver with the settings GPT-3 was trained with
// (Brown et al. 2020, appendix B), which reproductions of GPT-2 use too:
// β 0.9 and 0.95, ε 1e-8, decay 0.1, clip 1. The learning rate is 6e-4.
func NewAdamW() *AdamW {
	return &AdamW{LearnRate: 6e-4, Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, Decay: 0.1, Clip: 1, memory: adamMemory()}
}

func adamMemory() memory {
	return memory{solver: "AdamW", endings: []string{firstMoment, secondMoment}}
}

// SetLearnRate sets LearnRate.
func (a *AdamW) SetLearnRate(rate float64) { a.LearnRate = rate }

// Measure computes the global norm of the gradient that the next Step will take, and
// reports what is wrong with it. A step of another gradient wants another Measure.
func (a *AdamW) Measure(model []gorgonia.ValueGrad) (norm float64, err error) {
	a.ready()
	err = a.measure(model, a.Decay, a.Groups)
	return a.norm, err
}

// ready makes an AdamW that NewAdamW did not make usable.
func (a *AdamW) ready() {
	if a.endings == nil {
		a.memory = adamMemory()
	}
}

// Step updates every parameter of the model from its gradient and leaves the
// gradient at zero, as Gorgonia's solvers do. Parameters must be float32 and have
// a name (see [gorgonia.Namer]), by which their moments are kept. On an error,
// such as a gradient that is not finite, no weight has changed.
func (a *AdamW) Step(model []gorgonia.ValueGrad) error {
	a.ready()
	clip, err := a.begin(model, a.Decay, a.Groups, a.Clip)
	if err != nil {
		return err
	}
	t := float64(a.step)
	k := kernel.AdamW{
		Clip:   float32(clip),
		Fresh1: float32(1 - a.Beta1),
		Beta2:  float32(a.Beta2),
		Fresh2: float32(1 - a.Beta2),
		Root:   float32(1 / math.Sqrt(1-math.Pow(a.Beta2, t))),
		Eps:    float32(a.Epsilon),
	}
	for _, p := range a.targets {
		rate := a.LearnRate * p.rate
		k.Shrink = float32(1 - rate*p.decay)
		k.Rate = float32(rate / (1 - math.Pow(a.Beta1, t)))
		k.Update(p.weight, p.grad, p.means[0], p.means[1])
	}
	a.end(model)
	return nil
}

// State returns the number of updates done and, for each parameter "p", the
// tensors "p.exp_avg" and "p.exp_avg_sq". They share the solver's memory.
func (a *AdamW) State() SolverState { a.ready(); return a.state() }

// Restore replaces the solver's state by a copy of s. That s fits the model is
// checked at the next step. On an error the solver is unchanged.
func (a *AdamW) Restore(s SolverState) error { a.ready(); return a.restore(s) }
