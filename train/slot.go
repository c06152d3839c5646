package train

import (
	"maps"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/optional"
	"gorgonia.org/tensor"
)

// slot holds what a rule keeps for one parameter.
type slot struct {
	name  string
	shape tensor.Shape
	rule  Rule
	names []string // names of the kept tensors
	kept  [][]float32
	used  int // the step that last used the slot
}

// endings returns the endings of kept tensors' full names.
func endings(names []string) (all []string) {
	for _, n := range names {
		all = append(all, "."+n)
	}
	return all
}

// slotOf returns what is kept for a parameter: before its first step zeros, or what the rule begins
// with.
func (o *Optimizer) slotOf(name string, shape tensor.Shape, rule Rule, weight []float32) (*slot, error) {
	s := o.byName[name]
	if s != nil && !slices.Equal(s.shape, shape) {
		return nil, o.failed("moments of %s are %v, want %v", name, s.shape, shape)
	}
	names, err := rule.Keeps(shape)
	if err != nil {
		return nil, o.failed("%s of %s: %w", rule.Name(), name, err)
	}
	switch {
	case s != nil && slices.Equal(s.names, names):
		s.rule = rule // with its current settings
		return s, nil
	case s != nil:
		if !sameSet(s.names, names) {
			return nil, o.failed("the state of %s is [%s], want [%s] for %s", name, list(s.names), list(names), rule.Name())
		}
		kept := make([][]float32, len(names))
		for i, n := range names {
			kept[i] = s.kept[slices.Index(s.names, n)]
		}
		s.names, s.kept, s.rule = names, kept, rule
		return s, nil
	case o.restored && len(names) > 0:
		return nil, o.failed("the restored state has no moments of %s", name)
	}
	s = &slot{name: name, shape: shape.Clone(), rule: rule, names: names}
	for range names {
		s.kept = append(s.kept, make([]float32, shape.TotalSize()))
	}
	if a, ok := optional.As[Averaging](rule); ok {
		a.Begin(weight, s.kept)
	}
	if o.byName == nil {
		o.byName = map[string]*slot{}
	}
	o.byName[name] = s
	o.slots = append(o.slots, s)
	return s, nil
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// list joins the endings for an error message.
func list(names []string) string { return strings.Join(endings(names), " and ") }

// State returns the number of updates done and, for each parameter p, the tensors that its rule
// keeps: "p.exp_avg" and "p.exp_avg_sq" for AdamW. The tensors share the optimizer's memory.
func (o *Optimizer) State() SolverState {
	missed := maps.Clone(o.missed)
	for name := range o.last { // and what it misses now
		if n := o.missedOf(name); n > 0 {
			missed[name] = n
		}
	}
	s := SolverState{Step: o.step, Missed: missed, Averaged: o.averaged, rates: o.rates}
	for _, slot := range o.slots {
		for i, ending := range endings(slot.names) {
			s.Tensors = append(s.Tensors, Tensor{slot.name + ending, slot.shape, slot.kept[i]})
		}
	}
	return s
}

// Restore replaces the optimizer's state by a copy of s. Whether s fits the model is checked at the
// next step. On an error the optimizer is unchanged.
func (o *Optimizer) Restore(s SolverState) error {
	if o.Rule == nil {
		return errNoRule
	}
	if s.Step < 0 {
		return o.failed("restored step is %d, want 0 or more", s.Step)
	}
	known := o.kinds()
	byName := map[string]*slot{}
	var order []*slot
	var names []string
	for _, t := range s.Tensors {
		name, kept := splitName(t.Name, known)
		if kept == "" {
			return o.failed("restored tensor %q ends neither in %s", t.Name, strings.Join(endings(known), " nor in "))
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		if o.elsewhere != nil && o.elsewhere(name) {
			continue
		}
		shape := tensor.Shape(slices.Clone(t.Shape))
		if shape.TotalSize() != len(t.Data) {
			return o.failed("restored tensor %s of %v has %d elements, want %d", t.Name, shape, len(t.Data), shape.TotalSize())
		}
		to := byName[name]
		if to == nil {
			to = &slot{name: name, shape: shape}
			byName[name] = to
			order = append(order, to)
		}
		if !slices.Equal(to.shape, shape) {
			return o.failed("restored moments of %s are %v and %v, want the same shape", name, to.shape, shape)
		}
		if slices.Contains(to.names, kept) {
			return o.failed("restored tensor %s appears twice", t.Name)
		}
		to.names, to.kept = append(to.names, kept), append(to.kept, slices.Clone(t.Data))
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if err := o.whole(byName[name]); err != nil {
			return err
		}
	}
	o.forgive()
	o.step, o.norm, o.slots, o.byName, o.restored = s.Step, 0, order, byName, s.Step > 0
	o.averaged, o.rates, o.order = s.Averaged, s.rates, names
	o.last, o.missed = make(map[string]int), make(map[string]int)
	for _, name := range names {
		o.last[name] = s.Step
	}
	maps.Copy(o.missed, s.Missed)
	return nil
}

// whole reports a restored slot that lacks a tensor its rule keeps.
func (o *Optimizer) whole(s *slot) error {
	rule := o.Rule
	if i := groupOf(o.Groups, s.name, s.shape.Dims(), make([]bool, len(o.Groups))); i >= 0 && o.Groups[i].Rule != nil {
		rule = o.Groups[i].Rule
	}
	names, err := rule.Keeps(s.shape)
	if err == nil && len(s.names) < len(names) {
		return o.failed("restored state has %s of %s, want %s", list(s.names), s.name, list(names))
	}
	return nil // the model will show anything else that is wrong
}

// kinds returns the names of the tensors that the rules keep, each once.
func (o *Optimizer) kinds() (all []string) {
	for _, r := range o.rules() {
		names, _ := r.Keeps([]int{1, 1}) // a shape that fits every rule
		for _, n := range names {
			if !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	return all
}

// splitName splits a tensor's name into the parameter's name and what is kept for it, which is
// empty if the name has no known ending. The longest ending wins, since one may be the end of
// another.
func splitName(name string, known []string) (parameter, kept string) {
	for _, k := range known {
		if p, ok := strings.CutSuffix(name, "."+k); ok && (kept == "" || len(p) < len(parameter)) {
			parameter, kept = p, k
		}
	}
	return parameter, kept
}
