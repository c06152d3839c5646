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

// An Optimizer changes weights by rules, one for each parameter, after clipping the gradient's
// global norm. It is a [gorgonia.Solver] over float32 tensors. [NewAdamW], [NewLion], [NewSGD] and
// [NewMuon] return optimizers with the usual settings. The exported fields may be changed between
// two updates.
type Optimizer struct {
	Rule      Rule    // for parameters whose group has none
	LearnRate float64 // size of a step; a [Trainer] sets it from its [Schedule]

	// Decay pulls weights towards zero. It applies to tensors of rank 2 or more, and so not to
	// biases and gains, unless the parameter has a method Decay() bool, which then decides, or its
	// group sets a decay.
	Decay float64

	// Clip is the largest global norm of the gradient, which is scaled by min(1, Clip/(norm +
	// 1e-6)); 0 means no clipping.
	Clip float64

	Groups []Group // parameters with settings of their own

	step     int
	last     map[string]int // by parameter: the step that last changed it
	missed   map[string]int // by parameter: the steps that did not change it, such as those before it was unfrozen
	norm     float64
	measured bool // norm and targets are those of the next step
	slots    []*slot
	byName   map[string]*slot
	restored bool // slots come from Restore and no step has used them yet
	averaged bool // the parameters hold averages
	rates
	targets []target
	squares []float64 // for each target, of its gradient's norm
	seen    []bool    // groups that match a parameter
	frozen  bool      // parameters of frozen groups are no longer in the model

	// beside are parameters that are not in the model, because they are frozen or the loss does not depend on them.
	// Groups may name them, and a state saved when they were changed may have moments of them.
	beside    []*graph.Param
	elsewhere func(name string) bool // reports whether another rank keeps and changes a parameter; nil if none does
	// elsewhereSquares adds up the ranks' squares if each rank has only the gradients of the
	// parameters it changes; otherwise it is nil.
	elsewhereSquares func(squares []float64) ([]float64, error)

	order  []string // names of all parameters in a restored state; nil if none was restored
	change Change
}

var errNoRule = errors.New("train: Optimizer.Rule is not set")

// target is what an update needs to know about one parameter.
type target struct {
	*slot
	param        gorgonia.ValueGrad
	weight, grad []float32
	rate, decay  float64 // factor on the learning rate; weight decay
	missed       int     // steps that did not change it
}

// SetLearnRate sets LearnRate.
func (o *Optimizer) SetLearnRate(rate float64) { o.LearnRate = rate }

// GradNorm returns the global norm of the last gradient that was measured, before clipping.
func (o *Optimizer) GradNorm() float64 { return o.norm }

// Kept returns how many numbers the rules keep for the parameters that are not frozen. It allocates
// no memory for them.
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

// keeps returns the names of the tensors kept for a parameter; none if it is frozen.
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
	if rule == nil {
		return nil, errNoRule
	}
	names, err := rule.Keeps(partOf(p, shape))
	if err != nil {
		return nil, o.failed("%s of %s: %w", rule.Name(), p.Name(), err)
	}
	return names, nil
}

// rules returns the rules of the optimizer and of its groups.
func (o *Optimizer) rules() []Rule {
	all := []Rule{o.Rule}
	for _, g := range o.Groups {
		if g.Rule != nil {
			all = append(all, g.Rule)
		}
	}
	return all
}

// Measure computes the global norm of the gradient that the next Step will use, and returns an
// error if the gradient is unusable. If the gradient changes after that, Measure must be called
// again.
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

// notFinite returns the error for a gradient that is not finite.
func (o *Optimizer) notFinite(p target) error {
	i := slices.IndexFunc(p.grad, func(x float32) bool { return x-x != 0 })
	if i < 0 || o.elsewhereSquares != nil && p.rule == nil {
		return o.failed("the gradient of %s is not finite, in another rank's part", p.name)
	}
	return o.failed("the gradient of %s is not finite: element %d of %d is %v", p.name, i, len(p.grad), p.grad[i])
}

// failed returns an error that begins with the rule's name.
func (o *Optimizer) failed(format string, args ...any) error {
	return fmt.Errorf(o.Rule.Name()+": "+format, args...)
}

// Step updates every parameter of the model from its gradient and leaves the gradient at zero, as
// Gorgonia's solvers do. Parameters must be float32 and have a name (see [gorgonia.Namer]), under
// which their state is kept. On an error of [Optimizer.Measure], such as a gradient that is not
// finite, no weight has changed.
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
		o.count(p)
		if p.rule == nil {
			zero(p)
			continue
		}
		o.change = Change{
			Shape: p.shape, Weight: p.weight, Grad: p.grad, Kept: p.kept,
			Step: o.step - p.missed, Rate: o.LearnRate * p.rate, Decay: p.decay, Clip: clip, Share: share,
		}
		if err := o.apply(p); err != nil {
			return err
		}
		zero(p)
	}
	o.targets = o.targets[:0]
	return nil
}

// missedOf returns how many of the steps so far did not change a parameter.
func (o *Optimizer) missedOf(name string) int {
	last, known := o.last[name]
	if !known && o.restored { // nothing is kept of it, as for a rule without moments
		last = o.step
	}
	return o.missed[name] + o.step - last
}

// count notes that this step changes a parameter.
func (o *Optimizer) count(p target) {
	if o.last == nil {
		o.last, o.missed = make(map[string]int), make(map[string]int)
	}
	o.last[p.name] = o.step
	if p.missed > 0 {
		o.missed[p.name] = p.missed
	}
}

// apply has the rule make its change. For a parameter split over ranks, a rule that is not
// [Elementwise] is given the whole parameter, which is assembled on each rank.
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

// zero makes the gradient zero. A [graph.Param] is only marked as zero, without being cleared: its
// next gradient overwrites this one.
func zero(p target) {
	if z, ok := p.param.(interface{ ZeroGrad() }); ok {
		z.ZeroGrad()
	} else {
		clear(p.grad)
	}
}

// gather fills targets from the model, which it checks.
func (o *Optimizer) gather(model []gorgonia.ValueGrad) error {
	if o.Rule == nil {
		return errNoRule
	}
	if o.averaged {
		return o.failed("the parameters hold an average, for which no gradient may be computed: call Average with false first")
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
	for _, p := range o.beside {
		groupOf(o.Groups, p.Name(), rankOf(p, p.Shape()), o.seen)
	}
	if err := unmatched(o.Groups, o.seen); err != nil {
		return o.failed("%w", err)
	}
	if len(o.targets) == 0 {
		return o.failed("there is nothing to train: all %d parameters are frozen", len(model))
	}
	if o.restored {
		for _, s := range o.slots {
			if s.used != o.step+1 && !slices.ContainsFunc(o.beside, func(p *graph.Param) bool { return p.Name() == s.name }) {
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
	if _, err := rule.Keeps(partOf(vg, shape)); err != nil { // an expert's bias is not a matrix
		return o.failed("%s of %s: %w", rule.Name(), name, err)
	}
	if o.elsewhere != nil && o.elsewhere(name) {
		o.targets = append(o.targets, target{slot: &slot{name: name}, param: vg, weight: weight, grad: grad, missed: o.missedOf(name)})
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
	t := target{slot: s, param: vg, weight: weight, grad: grad, rate: 1, missed: o.missedOf(name)}
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

// decays reports whether the optimizer's decay applies to a parameter.
func (o *Optimizer) decays(vg gorgonia.ValueGrad, shape tensor.Shape) bool {
	if d, ok := vg.(interface{ Decay() bool }); ok {
		return d.Decay()
	}
	return shape.Dims() >= 2
}

// forgive undoes the marks of a step that did not happen.
func (o *Optimizer) forgive() {
	for _, p := range o.targets {
		p.used = o.step
	}
	o.targets, o.measured = o.targets[:0], false
}
