package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/internal/kernel"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
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
	// Decay() bool, which then decides.
	Decay float64

	// Clip is the largest global norm of the gradient; 0 leaves it as it is.
	Clip float64

	step     int
	norm     float64
	moments  []*moments
	byName   map[string]*moments
	restored bool // moments come from Restore and no step has used them yet
	targets  []target
	squares  []float64 // of the norms of the targets' gradients
}

// moments are the two running means of one parameter.
type moments struct {
	name  string
	shape tensor.Shape
	m, v  []float32
	used  int // the step that last used them
}

// target is what one update needs of one parameter.
type target struct {
	*moments
	weight, grad []float32
	decay        bool
}

// NewAdamW returns a solver with the settings GPT-3 was trained with
// (Brown et al. 2020, appendix B), which reproductions of GPT-2 use too:
// β 0.9 and 0.95, ε 1e-8, decay 0.1, clip 1. The learning rate is 6e-4.
func NewAdamW() *AdamW {
	return &AdamW{LearnRate: 6e-4, Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, Decay: 0.1, Clip: 1}
}

// SetLearnRate sets LearnRate.
func (a *AdamW) SetLearnRate(rate float64) { a.LearnRate = rate }

// GradNorm returns the global norm of the gradient of the last step, before
// clipping.
func (a *AdamW) GradNorm() float64 { return a.norm }

// Step updates every parameter of the model from its gradient and leaves the
// gradient at zero, as Gorgonia's solvers do. Parameters must be float32 and have
// a name (see [gorgonia.Namer]), by which their moments are kept. On an error,
// such as a gradient that is not finite, no weight has changed.
func (a *AdamW) Step(model []gorgonia.ValueGrad) error {
	if err := a.gather(model); err != nil {
		a.forgive()
		return err
	}
	a.squares = a.squares[:0]
	for _, p := range a.targets {
		s := kernel.SumSquares(p.grad)
		if math.IsInf(s, 0) || math.IsNaN(s) {
			a.forgive()
			return notFinite(p.name, p.grad)
		}
		a.squares = append(a.squares, s)
	}
	a.norm = norm(a.squares)
	a.step++
	a.restored = false

	clip := 1.0
	if a.Clip > 0 {
		clip = min(1, a.Clip/(a.norm+1e-6))
	}
	t := float64(a.step)
	k := kernel.AdamW{
		Clip:   float32(clip),
		Fresh1: float32(1 - a.Beta1),
		Beta2:  float32(a.Beta2),
		Fresh2: float32(1 - a.Beta2),
		Rate:   float32(a.LearnRate / (1 - math.Pow(a.Beta1, t))),
		Root:   float32(1 / math.Sqrt(1-math.Pow(a.Beta2, t))),
		Eps:    float32(a.Epsilon),
	}
	for _, p := range a.targets {
		k.Shrink = 1
		if p.decay {
			k.Shrink = float32(1 - a.LearnRate*a.Decay)
		}
		k.Update(p.weight, p.grad, p.m, p.v)
	}
	for i, vg := range model {
		// A parameter of ours counts as zero without being cleared: its next gradient is
		// written over this one.
		if z, ok := vg.(interface{ ZeroGrad() }); ok {
			z.ZeroGrad()
		} else {
			clear(a.targets[i].grad)
		}
	}
	return nil
}

// gather fills targets from the model and checks all of it.
func (a *AdamW) gather(model []gorgonia.ValueGrad) error {
	a.targets = a.targets[:0]
	next := a.step + 1
	for i, vg := range model {
		named, ok := vg.(gorgonia.Namer)
		if !ok || named.Name() == "" {
			return fmt.Errorf("AdamW: parameter %d of %d has no name", i+1, len(model))
		}
		name := named.Name()
		value := vg.Value()
		weight, err := floats(value)
		if err != nil {
			return fmt.Errorf("AdamW: %s: %w", name, err)
		}
		gv, err := vg.Grad()
		if err != nil {
			return fmt.Errorf("AdamW: %s: no gradient: %w", name, err)
		}
		grad, err := floats(gv)
		if err != nil {
			return fmt.Errorf("AdamW: gradient of %s: %w", name, err)
		}
		if len(grad) != len(weight) {
			return fmt.Errorf("AdamW: gradient of %s is %v, want %v", name, gv.Shape(), value.Shape())
		}
		mo, err := a.momentsOf(name, value.Shape())
		if err != nil {
			return err
		}
		if mo.used == next {
			return fmt.Errorf("AdamW: two parameters are named %s", name)
		}
		mo.used = next
		decay := value.Shape().Dims() >= 2
		if d, ok := vg.(interface{ Decay() bool }); ok {
			decay = d.Decay()
		}
		a.targets = append(a.targets, target{mo, weight, grad, decay})
	}
	if a.restored {
		for _, mo := range a.moments {
			if mo.used != next {
				return fmt.Errorf("AdamW: the restored state has moments of %s, which is not a parameter of this model", mo.name)
			}
		}
	}
	return nil
}

// forgive takes back the marks of a step that did not happen.
func (a *AdamW) forgive() {
	for _, p := range a.targets {
		p.used = a.step
	}
	a.targets = a.targets[:0]
}

// momentsOf returns the moments of a parameter, zero at its first step.
func (a *AdamW) momentsOf(name string, shape tensor.Shape) (*moments, error) {
	mo := a.byName[name]
	switch {
	case mo == nil && a.restored:
		return nil, fmt.Errorf("AdamW: the restored state has no moments of %s", name)
	case mo == nil:
		n := shape.TotalSize()
		mo = &moments{name: name, shape: shape.Clone(), m: make([]float32, n), v: make([]float32, n)}
		a.add(mo)
	case !slices.Equal(mo.shape, shape):
		return nil, fmt.Errorf("AdamW: moments of %s are %v, want %v", name, mo.shape, shape)
	}
	return mo, nil
}

func (a *AdamW) add(mo *moments) {
	if a.byName == nil {
		a.byName = map[string]*moments{}
	}
	a.byName[mo.name] = mo
	a.moments = append(a.moments, mo)
}

// floats returns the elements of a contiguous float32 tensor, not a copy.
func floats(v gorgonia.Value) ([]float32, error) {
	d, ok := v.(*tensor.Dense)
	if !ok {
		return nil, fmt.Errorf("value is a %T, want a dense float32 tensor", v)
	}
	data, ok := d.Data().([]float32)
	if !ok {
		return nil, fmt.Errorf("tensor is %v of %v, want float32 of rank 1 or more", d.Shape(), d.Dtype())
	}
	if d.RequiresIterator() || len(data) != d.Shape().TotalSize() {
		return nil, fmt.Errorf("tensor %v is a view, want contiguous memory", d.Shape())
	}
	return data, nil
}

// notFinite names the first element of a gradient that is NaN or infinite.
func notFinite(name string, grad []float32) error {
	i := slices.IndexFunc(grad, func(x float32) bool { return x-x != 0 })
	return fmt.Errorf("AdamW: the gradient of %s is not finite: element %d of %d is %v", name, i, len(grad), grad[i])
}
