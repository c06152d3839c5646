package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/optional"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// An Optimizer changes weights by rules, one for each parameter, after a clip of the gradient's
// global norm. It is a [gorgonia.Solver] over float32 tensors. [NewAdamW], [NewLion], [NewSGD]
// and [NewMuon] make some; the exported fields may be changed between two updates.
type Optimizer struct {
	Rule      Rule    // of parameters whose group has none
	LearnRate float64 // size of a step; a [Trainer] sets it from its [Schedule]

	// Decay pulls weights towards zero. It applies to tensors of rank 2 and more, so not to
	// biases and gains, unless the parameter has a method Decay() bool, which then decides, or
	// its group has a decay.
	Decay float64

	// Clip is the largest global norm of the gradient, which is scaled by
	// min(1, Clip/(norm + 1e-6)); 0 leaves it as it is.
	Clip float64

	Groups []Group // of parameters with settings of their own

	step     int
	norm     float64
	measured bool // norm and targets are those of the step to come
	slots    []*slot
	byName   map[string]*slot
	restored bool // slots come from Restore and no step has used them yet
	averaged bool // the parameters hold averages
	rates
	targets []target
	squares []float64 // of the norms of the targets' gradients
	seen    []bool    // groups that hold a parameter
	frozen  bool      // what groups freeze is not in the model any more

	elsewhere func(name string) bool // tells of parameters that another rank keeps and changes; nil if none does
	// elsewhereSquares adds up the ranks' squares, where each has the gradients of what it changes alone; else nil.
	elsewhereSquares func(squares []float64) ([]float64, error)

	order  []string // of all parameters in a state that was restored; nil if none was
	change Change
}

var errNoRule = errors.New("train: Optimizer.Rule is not set")

// target is what one update needs of one parameter.
type target struct {
	*slot
	param        gorgonia.ValueGrad
	weight, grad []float32
	rate, decay  float64 // a factor on the learning rate; of the weight
}

// SetLearnRate sets LearnRate.
func (o *Optimizer) SetLearnRate(rate float64) { o.LearnRate = rate }

// GradNorm returns the global norm of the gradient that was measured last, before
// clipping.
func (o *Optimizer) GradNorm() float64 { return o.norm }

// Kept counts the numbers that the rules remember of the parameters that are not frozen, before
// there is any memory for them.
func (o *Optimizer) Kept(params *graph.Params) (n int64, err error) {
	for _, p := range params.Trainable() {
		names, err := o.keeps(p)
		if err != nil {
			return 0, err
		}
		n += int64(len(names)) * int64(p.Size())
	}
	return n, nil
}

// keeps names what is remembered of a parameter; nothing of one that is frozen.
func (o *Optimizer) keeps(p *graph.Param) ([]string, error) {
	rule, shape := o.Rule, p.Shape()
	if i := groupOf(o.Groups, p.Name(), rankOf(p, shape), make([]bool, len(o.Groups))); i >= 0 {
		if o.Groups[i].Frozen {
			return nil, nil
		}
		if o.Groups[i].Rule != nil {
			rule = o.Groups[i].Rule
		}
	}
	names, err := rule.Keeps(partOf(p, shape))
	if err != nil {
		return nil, o.failed("%s of %s: %w", rule.Name(), p.Name(), err)
	}
	return names, nil
}

// rules are all there are.
func (o *Optimizer) rules() []Rule {
	all := []Rule{o.Rule}
	for _, g := range o.Groups {
		if g.Rule != nil {
			all = append(all, g.Rule)
		}
	}
	return all
}

// Measure computes the global norm of the gradient that the next Step will take, and
// reports what is wrong with it. A step of another gradient wants another Measure.
func (o *Optimizer) Measure(model []gorgonia.ValueGrad) (norm float64, err error) {
	o.forgive()
	if err := o.gather(model); err != nil {
		o.forgive()
		return 0, err
	}
	o.squares = o.squares[:0]
	for _, p := range o.targets {
		square := 0.0
		if o.elsewhereSquares == nil || p.rule != nil {
			square = kernel.SumSquares(p.grad)
		}
		o.squares = append(o.squares, square)
	}
	if o.elsewhereSquares != nil {
		if o.squares, err = o.elsewhereSquares(o.squares); err != nil {
			o.forgive()
			return 0, o.failed("norm of the gradient: %w", err)
		}
	}
	if err := sumSquares(o.squares, func(i int) any { return o.targets[i].param }); err != nil {
		o.forgive()
		return 0, o.failed("%w", err)
	}
	for i, p := range o.targets {
		if s := o.squares[i]; math.IsInf(s, 0) || math.IsNaN(s) {
			o.forgive()
			return 0, o.notFinite(p)
		}
	}
	o.norm = rootOfSum(o.squares)
	o.measured = true
	return o.norm, nil
}

// notFinite is the error of a gradient that is not.
func (o *Optimizer) notFinite(p target) error {
	i := slices.IndexFunc(p.grad, func(x float32) bool { return x-x != 0 })
	if i < 0 || o.elsewhereSquares != nil && p.rule == nil {
		return o.failed("the gradient of %s is not finite, in another rank's part", p.name)
	}
	return o.failed("the gradient of %s is not finite: element %d of %d is %v", p.name, i, len(p.grad), p.grad[i])
}

// failed is an error of the optimizer.
func (o *Optimizer) failed(format string, args ...any) error {
	return fmt.Errorf(o.Rule.Name()+": "+format, args...)
}

// Step updates every parameter of the model from its gradient and leaves the
// gradient at zero, as Gorgonia's solvers do. Parameters must be float32 and have
// a name (see [gorgonia.Namer]), by which what is kept of them is found. On an error,
// such as a gradient that is not finite, no weight has changed.
func (o *Optimizer) Step(model []gorgonia.ValueGrad) error {
	if !o.measured {
		if _, err := o.Measure(model); err != nil {
			return err
		}
	}
	o.measured, o.restored = false, false
	o.step++
	share := o.rates.share(o.LearnRate)
	clip := 1.0
	if o.Clip > 0 {
		clip = min(1, o.Clip/(o.norm+1e-6))
	}
	for _, p := range o.targets {
		if p.rule == nil {
			zero(p)
			continue
		}
		o.change = Change{
			Shape: p.shape, Weight: p.weight, Grad: p.grad, Kept: p.kept,
			Step: o.step, Rate: o.LearnRate * p.rate, Decay: p.decay, Clip: clip, Share: share,
		}
		if err := o.apply(p); err != nil {
			return err
		}
		zero(p)
	}
	o.targets = o.targets[:0]
	return nil
}

// apply has the rule make its change. One that is not [Elementwise] is given the whole of what ranks share out, put together on each of them.
func (o *Optimizer) apply(p target) error {
	param, ours := p.param.(*graph.Param)
	if e, ok := optional.As[Elementwise](p.rule); !ours || !param.Cut() || ok && e.Elementwise() {
		p.rule.Apply(&o.change)
		return nil
	}
	whole := o.change
	whole.Shape, whole.Kept = param.Whole(), make([][]float32, len(p.kept))
	var err error
	assemble := func(part []float32) (all []float32) {
		if err == nil {
			all, err = param.Assemble(part)
		}
		return all
	}
	whole.Weight, whole.Grad = assemble(p.weight), assemble(p.grad)
	for i, kept := range p.kept {
		whole.Kept[i] = assemble(kept)
	}
	if err != nil {
		return o.failed("%w", err)
	}
	p.rule.Apply(&whole)
	for i, kept := range p.kept {
		err = errors.Join(err, param.Take(kept, whole.Kept[i]))
	}
	return errors.Join(err, param.Take(p.weight, whole.Weight))
}

// zero makes the gradient zero. A parameter of ours counts as that without being cleared: its next gradient is
// written over this one.
func zero(p target) {
	if z, ok := p.param.(interface{ ZeroGrad() }); ok {
		z.ZeroGrad()
	} else {
		clear(p.grad)
	}
}

// gather fills targets from the model, and checks all of it.
func (o *Optimizer) gather(model []gorgonia.ValueGrad) error {
	if o.Rule == nil {
		return errNoRule
	}
	if o.averaged {
		return o.failed("the parameters hold an average, of which no gradient is to be taken: call Average with false before")
	}
	if err := CheckGroups(o.Groups); err != nil {
		return o.failed("%w", err)
	}
	o.seen = o.seen[:0]
	for _, g := range o.Groups {
		o.seen = append(o.seen, g.Frozen && o.frozen)
	}
	for i, vg := range model {
		named, ok := vg.(gorgonia.Namer)
		if !ok || named.Name() == "" {
			return o.failed("parameter %d of %d has no name", i+1, len(model))
		}
		if err := o.gatherOne(vg, named.Name()); err != nil {
			return err
		}
	}
	if err := unmatched(o.Groups, o.seen); err != nil {
		return o.failed("%w", err)
	}
	if len(o.targets) == 0 {
		return o.failed("there is nothing to train: all %d parameters are frozen", len(model))
	}
	if o.restored {
		for _, s := range o.slots {
			if s.used != o.step+1 {
				return o.failed("the restored state has moments of %s, which is not a parameter of this model", s.name)
			}
		}
	}
	return nil
}

// gatherOne adds a parameter to targets, unless it is frozen.
func (o *Optimizer) gatherOne(vg gorgonia.ValueGrad, name string) error {
	value := vg.Value()
	weight, err := floats(value)
	if err != nil {
		return o.failed("%s: %w", name, err)
	}
	shape := value.Shape()
	var group Group
	if i := groupOf(o.Groups, name, rankOf(vg, shape), o.seen); i >= 0 {
		group = o.Groups[i]
	}
	if group.Frozen {
		return nil
	}
	gv, err := vg.Grad()
	if err != nil {
		return o.failed("%s: no gradient: %w", name, err)
	}
	grad, err := floats(gv)
	if err != nil {
		return o.failed("gradient of %s: %w", name, err)
	}
	if len(grad) != len(weight) {
		return o.failed("gradient of %s is %v, want %v", name, gv.Shape(), shape)
	}
	rule := group.Rule
	if rule == nil {
		rule = o.Rule
	}
	if _, err := rule.Keeps(partOf(vg, shape)); err != nil { // an expert's bias is no matrix
		return o.failed("%s of %s: %w", rule.Name(), name, err)
	}
	if o.elsewhere != nil && o.elsewhere(name) {
		o.targets = append(o.targets, target{slot: &slot{name: name}, param: vg, weight: weight, grad: grad})
		return nil
	}
	s, err := o.slotOf(name, shape, rule, weight)
	if err != nil {
		return err
	}
	if s.used == o.step+1 {
		return o.failed("two parameters are named %s", name)
	}
	s.used = o.step + 1
	t := target{slot: s, param: vg, weight: weight, grad: grad, rate: 1}
	if group.Rate != nil {
		t.rate = *group.Rate
	}
	if group.Decay != nil {
		t.decay = *group.Decay
	} else if o.decays(vg, shape) {
		t.decay = o.Decay
	}
	o.targets = append(o.targets, t)
	return nil
}

// decays tells whether the optimizer's decay is for a parameter.
func (o *Optimizer) decays(vg gorgonia.ValueGrad, shape tensor.Shape) bool {
	if d, ok := vg.(interface{ Decay() bool }); ok {
		return d.Decay()
	}
	return shape.Dims() >= 2
}

// forgive takes back the marks of a step that did not happen.
func (o *Optimizer) forgive() {
	for _, p := range o.targets {
		p.used = o.step
	}
	o.targets, o.measured = o.targets[:0], false
}
