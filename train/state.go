package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/internal/optional"
)

// State is all that a run needs, besides the weights, to continue as if it had never stopped. Its
// JSON form holds everything but the solver's tensors.
type State struct {
	Step    int     `json:"step"`  // updates done
	Steps   int     `json:"steps"` // updates planned
	Tokens  int64   `json:"tokens"`
	Seconds float64 `json:"seconds"`

	Seed       uint64 `json:"seed"`
	Batch      int    `json:"batch,omitempty"` // these three are those of a NextToken
	Context    int    `json:"context,omitempty"`
	Accumulate int    `json:"accumulate,omitempty"`
	Settings   string `json:"settings,omitempty"` // Trainer.Settings

	Guard GuardState `json:"guard,omitzero"`

	Evaluated *Evaluation `json:"evaluated,omitempty"` // the last evaluation
	Best      *Evaluation `json:"best,omitempty"`      // the best after step 0

	// Last reports the last update. Untold says that an observer failed at that report, or at that
	// of the evaluation at the same step: a run that resumes from here repeats the reports to all
	// observers, which must have discarded everything after step Told.
	Last   *Step `json:"last,omitempty"`
	Untold bool  `json:"untold,omitempty"`

	Stream     []byte      `json:"stream"`               // position of the training data
	Validation []byte      `json:"validation,omitempty"` // NextToken.ValidationStart
	Solver     SolverState `json:"solver"`
}

// Told returns the last step that need not be reported to observers again.
func (s State) Told() int {
	if s.Untold {
		return s.Step - 1
	}
	return s.Step
}

// State returns the state between two updates or, after an update that failed, the state before it.
// The solver's tensors are shared with the solver, so they are valid until the next update. With
// ShardSolver they are only those that this rank keeps.
func (t *Trainer) State() (State, error) {
	if t.Task == nil {
		return State{}, errors.New("Trainer.Task is not set")
	}
	s := t.at
	s.Steps, s.Seed, s.Settings = t.Steps, t.Seed, t.Settings
	if s.Stream = t.place; s.Stream == nil {
		var err error
		if s.Stream, err = t.Task.State(); err != nil {
			return State{}, err
		}
	}
	if task, ok := t.Task.(describer); ok {
		task.describe(&s, t.halted)
	}
	if solver, ok := optional.As[Stateful](t.Solver); ok {
		s.Solver = solver.State()
	}
	return s, nil
}

// describer is a task that adds to a state settings that a resumed run must have too.
type describer interface{ describe(s *State, halted bool) }

// Restore returns a run to a saved state. Params must hold the weights saved with it. The trainer's
// settings must be those of the saved run, except Steps and those that do not affect the weights.
// Gorgonia's own solvers cannot be restored, except [gorgonia.VanillaSolver], which has no state.
func (t *Trainer) Restore(s State) error {
	if t.Task == nil {
		return errors.New("train: restore: Trainer.Task is not set")
	}
	if s.Step < 0 || s.Tokens < 0 {
		return fmt.Errorf("train: restore: step %d with %d tokens, want 0 or more", s.Step, s.Tokens)
	}
	var this State
	if task, ok := t.Task.(describer); ok {
		task.describe(&this, false)
	}
	for _, f := range []struct {
		name      string
		got, want uint64
	}{
		{"seed", s.Seed, t.Seed},
		{"batch", uint64(s.Batch), uint64(this.Batch)},
		{"context", uint64(s.Context), uint64(this.Context)},
		{"accumulate", uint64(s.Accumulate), uint64(this.Accumulate)},
	} {
		if f.got != f.want {
			return fmt.Errorf("train: restore: the saved run has %s %d, this one %d", f.name, f.got, f.want)
		}
	}
	if s.Settings != "" && t.Settings != "" && s.Settings != t.Settings {
		saved, this := firstOther(s.Settings, t.Settings)
		return fmt.Errorf("train: restore: the saved run has %q, this one %q", saved, this)
	}
	if err := t.shard(); err != nil {
		return fmt.Errorf("train: restore: %w", err)
	}
	if solver, ok := optional.As[Stateful](t.Solver); ok {
		if err := solver.Restore(s.Solver); err != nil {
			return fmt.Errorf("train: restore: %w", err)
		}
	} else if _, ok := t.Solver.(*gorgonia.VanillaSolver); !ok {
		return fmt.Errorf("train: restore: the state of %T cannot be restored; use train.NewAdamW", t.Solver)
	}
	if err := t.Task.Restore(s.Stream); err != nil {
		return fmt.Errorf("train: restore: training data: %w", err)
	}
	t.at = s
	t.at.Stream, t.at.Solver = nil, SolverState{}
	t.begun, t.dirty, t.retell, t.place, t.halted = true, false, s.Untold, nil, false
	return nil
}

// firstOther returns the first lines in which two texts of settings differ, one line of each, empty
// if a text lacks the setting. In texts with the same number of lines, lines at the same position
// correspond too.
func firstOther(a, b string) (x, y string) {
	name := func(line string) string {
		before, _, _ := strings.Cut(line, " ")
		return before
	}
	// only returns the first line that the other text lacks, and the line that the other has
	// instead.
	only := func(text, other string) (line, instead string) {
		lines, others := strings.Split(text, "\n"), strings.Split(other, "\n")
		for i, line := range lines {
			if line == "" || slices.Contains(others, line) {
				continue
			}
			j := slices.IndexFunc(others, func(l string) bool { return name(l) == name(line) })
			switch {
			case j >= 0:
				return line, others[j]
			case len(lines) == len(others):
				return line, others[i]
			}
			return line, ""
		}
		return "", ""
	}
	if x, y = only(a, b); x == "" {
		y, x = only(b, a)
	}
	return x, y
}
