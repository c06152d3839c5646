package train

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorgonia.org/tensor"
)

// Endings of the names of AdamW's moments, PyTorch's words for them.
const (
	firstMoment  = ".exp_avg"
	secondMoment = ".exp_avg_sq"
)

// State returns the number of updates done and, for each parameter "p", the
// tensors "p.exp_avg" and "p.exp_avg_sq". They share the solver's memory.
func (a *AdamW) State() SolverState {
	s := SolverState{Step: a.step}
	for _, mo := range a.moments {
		s.Tensors = append(s.Tensors,
			Tensor{mo.name + firstMoment, mo.shape, mo.m},
			Tensor{mo.name + secondMoment, mo.shape, mo.v})
	}
	return s
}

// Restore replaces the solver's state by a copy of s. That s fits the model is
// checked at the next step. On an error the solver is unchanged.
func (a *AdamW) Restore(s SolverState) error {
	if s.Step < 0 {
		return fmt.Errorf("AdamW: restored step is %d, want 0 or more", s.Step)
	}
	byName := map[string]*moments{}
	var order []*moments
	for _, t := range s.Tensors {
		name, first := strings.CutSuffix(t.Name, firstMoment)
		if !first {
			var second bool
			if name, second = strings.CutSuffix(t.Name, secondMoment); !second {
				return fmt.Errorf("AdamW: restored tensor %q ends neither in %s nor in %s", t.Name, firstMoment, secondMoment)
			}
		}
		shape := tensor.Shape(slices.Clone(t.Shape))
		if shape.TotalSize() != len(t.Data) {
			return fmt.Errorf("AdamW: restored tensor %s of %v has %d elements, want %d", t.Name, shape, len(t.Data), shape.TotalSize())
		}
		mo := byName[name]
		if mo == nil {
			mo = &moments{name: name, shape: shape}
			byName[name] = mo
			order = append(order, mo)
		}
		if !slices.Equal(mo.shape, shape) {
			return fmt.Errorf("AdamW: restored moments of %s are %v and %v, want one shape", name, mo.shape, shape)
		}
		to := &mo.v
		if first {
			to = &mo.m
		}
		if *to != nil {
			return fmt.Errorf("AdamW: restored tensor %s is there twice", t.Name)
		}
		*to = slices.Clone(t.Data)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if mo := byName[name]; mo.m == nil || mo.v == nil {
			return fmt.Errorf("AdamW: restored state has one moment of %s, want %s and %s", name, firstMoment, secondMoment)
		}
	}
	a.step, a.norm = s.Step, 0
	a.moments, a.byName = order, byName
	a.restored = s.Step > 0
	a.targets = nil
	return nil
}
