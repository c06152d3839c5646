package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/optional"
	"gorgonia.org/gorgonia"
)

// A Trainer fits weights to a task. Set the fields, then call [Trainer.Run]. Step n is the moment
// after n updates.
type Trainer struct {
	Task Task
	// Params are the weights; for a resumed run, they hold the saved ones. If they are split over
	// ranks ([graph.Params.Split]), those ranks must be Peers too. All of them then run trainers
	// with the same settings on the same data, and the Peers field, if set, holds the ranks that
	// have the same part. Observers are told, and Save is called, on every rank that is the first
	// of its Peers.
	Params *graph.Params

	// Solver changes the weights. Groups of an [Optimizer] that are frozen are frozen in Params.
	Solver   gorgonia.Solver
	Schedule Schedule
	// TokenSchedule gives the learning rate by tokens, instead of Schedule.
	TokenSchedule TokenSchedule
	Steps         int // number of updates in all

	Guard Guard  // skips updates that stand out
	Hooks []Hook // see updates before they are made

	// EvalEvery is the number of updates between two evaluations of a task that is a [Validator].
	// There is always one before the first update, unless EvalFrom is above 0, and one after the
	// last.
	EvalEvery int
	EvalFrom  int // the first step that may be evaluated

	// Save is called with a state to be stored together with the weights: every SaveEvery updates;
	// after every evaluation but that of step 0 (if it is the best so far, State.Best.Step equals
	// State.Step); at the end; and when the run is interrupted, or fails with its weights intact.
	// The state is valid during the call.
	Save      func(State) error
	SaveEvery int
	SaveAt    int // one more step to save at, such as the one from which the rate falls; 0 means none

	// StopAfter ends the run cleanly at that step, as an interrupt would, but without an error; 0
	// means to run up to Steps.
	StopAfter int

	// Graph holds further options for the graphs of training and evaluation, such as
	// graph.Recompute.
	Graph []graph.Option
	// NoDropout turns dropout off in training too.
	NoDropout bool

	Seed uint64 // of dropout
	// Settings describe whatever else determines the run's result, such as model, solver and
	// schedule, in lines that only their author interprets. Restore refuses a state saved with
	// different settings.
	Settings  string
	Observers []Observer

	// Peers are the processes that train together, each on its share of the data; nil means this
	// process alone. Only rank 0 tells its observers and calls Save. All other settings must be the
	// same on every rank.
	Peers Peers
	// Tree adds up the gradients of micro-batches pairwise, as peers may do, so that the result
	// does not depend on the number of peers. It takes the memory of one more gradient for each
	// doubling of a process's micro-batches.
	Tree bool

	// ShardSolver makes each rank keep the solver's state of only some parameters, about the same
	// amount on each rank, and change only these. The solver must be an [Optimizer]. The changed
	// weights are then given to all ranks; if peers are a [Scatterer], each rank in turn receives
	// only the gradient sums that it needs. The results, and what is saved, are bit for bit the
	// same as without ShardSolver. Rank 0 has the whole state in memory while it saves.
	ShardSolver bool

	// Overlap adds up gradients over the ranks while each rank's last micro-batch still computes
	// others, with bit-identical results. It pays off if each rank has a core to spare.
	Overlap bool

	at     State  // what State returns, except for the task and the solver
	place  []byte // position of the training data before an update that failed; nil if none did
	halted bool   // the data could not be read any further
	retell bool   // at was restored, and its step must be reported to observers again
	dirty  bool   // something happened since the last save
	begun  bool
}

// Run trains up to Steps or StopAfter. If ctx is canceled, it finishes the update in progress,
// saves, and returns an error that wraps ctx.Err(). Run may be called again to continue. Any error
// of the task, a hook, the solver, an observer or Save ends the run. If the weights are still those
// after the last update, it saves first; if that fails too, the error wraps both. A loss or
// gradient that is not finite ends the run without saving: the update would only fail again.
//
// With peers, all ranks stop at the same step, and if one of them fails, all do.
func (t *Trainer) Run(ctx context.Context) error {
	err := t.run(ctx)
	if err == nil {
		return nil
	}
	if t.Params != nil {
		if within, _ := t.withinOf(); within != nil {
			within.Leave(err)
		}
	}
	if t.Peers != nil {
		t.Peers.Leave(err)
	}
	return err
}

func (t *Trainer) run(ctx context.Context) error {
	r, err := t.start(ctx)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	err = r.loop(ctx)
	if endErr := errors.Join(r.average(r.model, true), r.close()); endErr != nil {
		err = errors.Join(err, endErr)
	}
	return err
}

// check finds settings that are missing or out of range.
func (t *Trainer) check() error {
	missing := ""
	switch {
	case t.Task == nil:
		missing = "Task"
	case t.Params == nil:
		missing = "Params"
	case t.Solver == nil:
		missing = "Solver"
	case t.Schedule == nil && t.TokenSchedule == nil:
		missing = "Schedule"
	}
	if missing != "" {
		return fmt.Errorf("%s is not set", "Trainer."+missing)
	}
	if t.Schedule != nil && t.TokenSchedule != nil {
		return errors.New("Trainer.Schedule and Trainer.TokenSchedule are both set, want one")
	}
	if t.Overlap && t.Params.Ranks() != nil {
		return errors.New("Trainer.Overlap: ranks that hold a model together communicate while they compute, and cannot overlap other sums with that")
	}
	if task, ok := t.Task.(interface{ check() error }); ok {
		if err := task.check(); err != nil {
			return err
		}
	}
	if err := t.Guard.check(); err != nil {
		return err
	}
	err := least("Trainer", []setting{
		{"Steps", t.Steps, 1}, {"EvalEvery", t.EvalEvery, 0}, {"EvalFrom", t.EvalFrom, 0}, {"SaveEvery", t.SaveEvery, 0}, {"SaveAt", t.SaveAt, 0}, {"StopAfter", t.StopAfter, 0},
	})
	switch {
	case err != nil:
		return err
	case t.at.Step > t.Steps:
		return fmt.Errorf("the run is at step %d already, beyond the %d that are planned", t.at.Step, t.Steps)
	case t.StopAfter > 0 && t.StopAfter <= t.at.Step:
		return fmt.Errorf("the run is at step %d already, and is to stop after %d", t.at.Step, t.StopAfter)
	}
	return nil
}

// setting is a number with a lower bound.
type setting struct {
	name       string
	got, least int
}

func least(of string, settings []setting) error {
	for _, f := range settings {
		if f.got < f.least {
			return fmt.Errorf("%s.%s is %d, want %d or more", of, f.name, f.got, f.least)
		}
	}
	return nil
}

// freeze freezes the parameters of the solver's frozen groups.
func (t *Trainer) freeze() error {
	o, ok := optional.As[*Optimizer](t.Solver)
	if !ok {
		return nil
	}
	if err := CheckGroups(o.Groups); err != nil {
		return err
	}
	seen := make([]bool, len(o.Groups))
	for _, p := range t.Params.All() {
		i := groupOf(o.Groups, p.Name(), rankOf(p, p.Shape()), seen)
		if i >= 0 && o.Groups[i].Frozen {
			p.SetFrozen(true) // only p itself, not parameters below it, such as those of an adapter
		}
	}
	o.frozen = true
	return unmatched(o.Groups, seen)
}
