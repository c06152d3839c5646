package train

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/kernel"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A Group gives parameters whose name matches Pattern, as in [path.Match], settings
// of their own. Of several groups the first that matches counts.
type Group struct {
	Pattern string
	Decay   float64 // instead of the solver's, whatever the parameter's rank
	Rate    float64 // factor on the learning rate; 0 means 1
}

// CheckGroups reports a pattern that is not one.
func CheckGroups(groups []Group) error {
	for _, g := range groups {
		if _, err := path.Match(g.Pattern, ""); err != nil {
			return fmt.Errorf("pattern %q of a group of parameters: %w", g.Pattern, err)
		}
	}
	return nil
}

// memory is what solvers of ours have in common: running means of each parameter, by
// its name, and the gradients of the step at hand.
type memory struct {
	solver  string   // for errors
	endings []string // of the names of the means, one each

	step     int
	norm     float64
	measured bool // norm and targets are those of the step to come
	slots    []*slot
	byName   map[string]*slot
	restored bool // slots come from Restore and no step has used them yet
	targets  []target
	squares  []float64 // of the norms of the targets' gradients
}

// slot holds the running means of one parameter.
type slot struct {
	name  string
	shape tensor.Shape
	means [][]float32
	used  int // the step that last used them
}

// target is what one update needs of one parameter.
type target struct {
	*slot
	weight, grad []float32
	decay, rate  float64 // of the weight; a factor on the learning rate
}

// GradNorm returns the global norm of the gradient that was measured last, before
// clipping.
func (a *memory) GradNorm() float64 { return a.norm }

// measure fills targets from the model, checks all of it, and computes the norm.
func (a *memory) measure(model []gorgonia.ValueGrad, decay float64, groups []Group) error {
	a.forgive()
	if err := a.gather(model, decay, groups); err != nil {
		a.forgive()
		return err
	}
	a.squares = a.squares[:0]
	for _, p := range a.targets {
		s := kernel.SumSquares(p.grad)
		if math.IsInf(s, 0) || math.IsNaN(s) {
			a.forgive()
			return a.notFinite(p.name, p.grad)
		}
		a.squares = append(a.squares, s)
	}
	a.norm = norm(a.squares)
	a.measured = true
	return nil
}

// begin makes targets those of the next step, measured unless that was done, and
// returns the factor that clips the gradient's norm; 0 does not.
func (a *memory) begin(model []gorgonia.ValueGrad, decay float64, groups []Group, clip float64) (factor float64, err error) {
	if !a.measured {
		if err := a.measure(model, decay, groups); err != nil {
			return 0, err
		}
	}
	a.measured, a.restored = false, false
	a.step++
	if clip > 0 {
		return min(1, clip/(a.norm+1e-6)), nil
	}
	return 1, nil
}

// end makes the gradients zero.
func (a *memory) end(model []gorgonia.ValueGrad) {
	for i, vg := range model {
		// A parameter of ours counts as zero without being cleared: its next gradient is
		// written over this one.
		if z, ok := vg.(interface{ ZeroGrad() }); ok {
			z.ZeroGrad()
		} else {
			clear(a.targets[i].grad)
		}
	}
	a.targets = a.targets[:0]
}

// gather fills targets.
func (a *memory) gather(model []gorgonia.ValueGrad, decay float64, groups []Group) error {
	next := a.step + 1
	for i, vg := range model {
		named, ok := vg.(gorgonia.Namer)
		if !ok || named.Name() == "" {
			return fmt.Errorf("%s: parameter %d of %d has no name", a.solver, i+1, len(model))
		}
		name := named.Name()
		value := vg.Value()
		weight, err := floats(value)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", a.solver, name, err)
		}
		gv, err := vg.Grad()
		if err != nil {
			return fmt.Errorf("%s: %s: no gradient: %w", a.solver, name, err)
		}
		grad, err := floats(gv)
		if err != nil {
			return fmt.Errorf("%s: gradient of %s: %w", a.solver, name, err)
		}
		if len(grad) != len(weight) {
			return fmt.Errorf("%s: gradient of %s is %v, want %v", a.solver, name, gv.Shape(), value.Shape())
		}
		s, err := a.slotOf(name, value.Shape())
		if err != nil {
			return err
		}
		if s.used == next {
			return fmt.Errorf("%s: two parameters are named %s", a.solver, name)
		}
		s.used = next
		t := target{s, weight, grad, 0, 1}
		decays := value.Shape().Dims() >= 2
		if d, ok := vg.(interface{ Decay() bool }); ok {
			decays = d.Decay()
		}
		if decays {
			t.decay = decay
		}
		if i := slices.IndexFunc(groups, func(g Group) bool { ok, _ := path.Match(g.Pattern, name); return ok }); i >= 0 {
			t.decay = groups[i].Decay
			if groups[i].Rate != 0 {
				t.rate = groups[i].Rate
			}
		}
		a.targets = append(a.targets, t)
	}
	if a.restored {
		for _, s := range a.slots {
			if s.used != next {
				return fmt.Errorf("%s: the restored state has moments of %s, which is not a parameter of this model", a.solver, s.name)
			}
		}
	}
	return nil
}

// forgive takes back the marks of a step that did not happen.
func (a *memory) forgive() {
	for _, p := range a.targets {
		p.used = a.step
	}
	a.targets, a.measured = a.targets[:0], false
}

// slotOf returns the means of a parameter, zero at its first step.
func (a *memory) slotOf(name string, shape tensor.Shape) (*slot, error) {
	s := a.byName[name]
	switch {
	case s == nil && a.restored:
		return nil, fmt.Errorf("%s: the restored state has no moments of %s", a.solver, name)
	case s == nil:
		s = &slot{name: name, shape: shape.Clone()}
		for range a.endings {
			s.means = append(s.means, make([]float32, shape.TotalSize()))
		}
		if a.byName == nil {
			a.byName = map[string]*slot{}
		}
		a.byName[name] = s
		a.slots = append(a.slots, s)
	case !slices.Equal(s.shape, shape):
		return nil, fmt.Errorf("%s: moments of %s are %v, want %v", a.solver, name, s.shape, shape)
	}
	return s, nil
}

// state is what State returns.
func (a *memory) state() SolverState {
	s := SolverState{Step: a.step}
	for _, slot := range a.slots {
		for i, ending := range a.endings {
			s.Tensors = append(s.Tensors, Tensor{slot.name + ending, slot.shape, slot.means[i]})
		}
	}
	return s
}

// restore is what Restore does. On an error nothing is changed.
func (a *memory) restore(s SolverState) error {
	if s.Step < 0 {
		return fmt.Errorf("%s: restored step is %d, want 0 or more", a.solver, s.Step)
	}
	byName := map[string]*slot{}
	var order []*slot
	for _, t := range s.Tensors {
		name, i := a.parameterOf(t.Name)
		if i < 0 {
			return fmt.Errorf("%s: restored tensor %q ends neither in %s", a.solver, t.Name, strings.Join(a.endings, " nor in "))
		}
		shape := tensor.Shape(slices.Clone(t.Shape))
		if shape.TotalSize() != len(t.Data) {
			return fmt.Errorf("%s: restored tensor %s of %v has %d elements, want %d", a.solver, t.Name, shape, len(t.Data), shape.TotalSize())
		}
		kept := byName[name]
		if kept == nil {
			kept = &slot{name: name, shape: shape, means: make([][]float32, len(a.endings))}
			byName[name] = kept
			order = append(order, kept)
		}
		if !slices.Equal(kept.shape, shape) {
			return fmt.Errorf("%s: restored moments of %s are %v and %v, want one shape", a.solver, name, kept.shape, shape)
		}
		if kept.means[i] != nil {
			return fmt.Errorf("%s: restored tensor %s is there twice", a.solver, t.Name)
		}
		kept.means[i] = slices.Clone(t.Data)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if slices.ContainsFunc(byName[name].means, func(m []float32) bool { return m == nil }) {
			return fmt.Errorf("%s: restored state has one moment of %s, want %s", a.solver, name, strings.Join(a.endings, " and "))
		}
	}
	*a = memory{solver: a.solver, endings: a.endings, step: s.Step, slots: order, byName: byName, restored: s.Step > 0}
	return nil
}

// parameterOf splits the name of a mean; -1 if it has no ending of this solver's. The
// longest ending counts: one may be the end of another.
func (a *memory) parameterOf(name string) (parameter string, which int) {
	which = -1
	for i, ending := range a.endings {
		if p, ok := strings.CutSuffix(name, ending); ok && (which < 0 || len(p) < len(parameter)) {
			parameter, which = p, i
		}
	}
	return parameter, which
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
func (a *memory) notFinite(name string, grad []float32) error {
	i := slices.IndexFunc(grad, func(x float32) bool { return x-x != 0 })
	return fmt.Errorf("%s: the gradient of %s is not finite: element %d of %d is %v", a.solver, name, i, len(grad), grad[i])
}
