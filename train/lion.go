package train

import (
	"github.com/gorgpt/gorgpt/internal/kernel"
	"gorgonia.org/gorgonia"
)

// Lion steps by the sign of a mean of the gradient (Chen et al. 2023, "Symbolic
// Discovery of Optimization Algorithms", algorithm 2), so every weight moves by the
// same amount. It keeps half of AdamW's memory. It wants a learning rate 3 to 10 times
// smaller than AdamW's, and a decay as much larger.
//
// With gradient g, clipped as AdamW's, each weight w becomes
//
//	w = (1 - LearnRate·Decay)·w - LearnRate·sign(β₁·m + (1-β₁)·g)
//	m = β₂·m + (1-β₂)·g
//
// The fields may be changed between two updates.
type Lion struct {
	LearnRate float64 // size of a step; a [Trainer] sets it from its [Schedule]
	Beta1     float64 // share of the mean in the direction of a step
	Beta2     float64 // memory of the mean

	Decay  float64 // as in AdamW
	Groups []Group // as in AdamW
	Clip   float64 // as in AdamW

	memory
}

// NewLion returns a solver with the settings of the paper for language models (§4.4,
// appendix): β 0.95 and 0.98, decay 1; the learning rate is 1e-4, and clip is 1.
func NewLion() *Lion {
	return &Lion{LearnRate: 1e-4, Beta1: 0.95, Beta2: 0.98, Decay: 1, Clip: 1, memory: lionMemory()}
}

func lionMemory() memory { return memory{solver: "Lion", endings: []string{firstMoment}} }

// SetLearnRate sets LearnRate.
func (l *Lion) SetLearnRate(rate float64) { l.LearnRate = rate }

// Measure does what AdamW's does.
func (l *Lion) Measure(model []gorgonia.ValueGrad) (norm float64, err error) {
	l.ready()
	err = l.measure(model, l.Decay, l.Groups)
	return l.norm, err
}

func (l *Lion) ready() {
	if l.endings == nil {
		l.memory = lionMemory()
	}
}

// Step updates every parameter of the model, as AdamW's Step does.
func (l *Lion) Step(model []gorgonia.ValueGrad) error {
	l.ready()
	clip, err := l.begin(model, l.Decay, l.Groups, l.Clip)
	if err != nil {
		return err
	}
	k := kernel.Lion{Clip: float32(clip), Beta1: float32(l.Beta1), Beta2: float32(l.Beta2)}
	for _, p := range l.targets {
		rate := l.LearnRate * p.rate
		k.Shrink, k.Rate = float32(1-rate*p.decay), float32(rate)
		k.Update(p.weight, p.grad, p.means[0])
	}
	l.end(model)
	return nil
}

// State returns the number of updates done and, for each parameter "p", the tensor
// "p.exp_avg". They share the solver's memory.
func (l *Lion) State() SolverState { l.ready(); return l.state() }

// Restore does what AdamW's does.
func (l *Lion) Restore(s SolverState) error { l.ready(); return l.restore(s) }
