package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/optional"
	"gorgonia.org/gorgonia"
)

// A Trainer fits weights to a task. Set the fields, then call
// [Trainer.Run]. Step n is the moment after n updates.
type Trainer struct {
	Task Task
	// Params are the weights; those of a resumed run hold the saved ones. Where they are split over ranks ([graph.Params.Split]), these are Peers too: all of
	// them run trainers that are set alike, on the same data, and Peers, if any, are those that have the same part. Every rank of the first of
	// Peers has its observers told and its Save called.
	Params *graph.Params

	// Solver changes the weights. The groups of an [Optimizer] that are frozen are frozen in
	// Params.
	Solver   gorgonia.Solver
	Schedule Schedule
	// TokenSchedule gives the learning rate by tokens in the place of Schedule.
	TokenSchedule TokenSchedule
	Steps         int // updates in all

	Guard Guard  // skips updates that stand out
	Hooks []Hook // see updates before they are made

	// EvalEvery is the number of updates between two evaluations of a task that is a
	// [Validator]. There is always one before the first update, unless EvalFrom is above 0, and
	// one after the last.
	EvalEvery int
	EvalFrom  int // the first step that may have an evaluation

	// Save is called with a state to keep together with the weights: every
	// SaveEvery updates, after every evaluation but that of step 0 (if it is the
	// best so far, State.Best.Step equals State.Step), at the end, and when the
	// run is interrupted or fails with its weights intact. The state is valid during
	// the call.
	Save      func(State) error
	SaveEvery int
	SaveAt    int // one more step to save at, such as that from which the rate falls; 0 is none

	// StopAfter ends the run cleanly at that step, as an interrupt would, but
	// without an error; 0 means at Steps.
	StopAfter int

	// Graph are further options of the graphs that train and evaluate, such as
	// graph.Recompute.
	Graph []graph.Option
	// NoDropout leaves it out of training too.
	NoDropout bool

	Seed uint64 // of dropout
	// Settings are what else makes a run what it is, in lines that only their author reads: model,
	// solver, schedule. Restore refuses a state that was saved with others.
	Settings  string
	Observers []Observer

	// Peers are the processes that train together, each on its share of the data, nil for one alone. Only rank 0 has its
	// observers told and its Save called; all others are set alike on every rank.
	Peers Peers
	// Tree adds up the gradients of micro-batches pair by pair, as peers may do, so that the bits do
	// not depend on the number of peers. It takes the memory of one more gradient for each
	// doubling of a process's micro-batches.
	Tree bool

	// ShardSolver has each rank keep what the solver, an [Optimizer], remembers of some parameters alone, about as much as any other, and
	// change these alone. The weights go to all then, in the place of sums that only their rank wants where peers are a [Scatterer]. The bits, and what is saved, are those without; rank 0 has all of it in memory while it saves.
	ShardSolver bool

	// Overlap adds up gradients over the ranks while the last micro-batch of each still computes others, to the same bits. It pays where a rank has a
	// core to spare for that.
	Overlap bool

	at     State  // what State returns, but for the task and the solver
	place  []byte // of the training data before an update that failed; nil if none did
	halted bool   // data could not be read on
	retell bool   // at was restored, and observers are to be told of its step again
	dirty  bool   // something happened since the last save
	begun  bool
}

// Run trains up to Steps or StopAfter. If ctx is cancelled it finishes the
// update in progress, saves, and returns an error that wraps ctx.Err(). Run may
// be called again to go on. Any error of the task, a hook, the solver, an
// observer or Save ends the run; where the weights are as they were after the last
// update, it saves first, and the error is that of the save too if that fails. A loss or a
// gradient that is not finite ends it without: the update would only fail again.
//
// With peers, all ranks stop at the same step, and where one of them fails, all do.
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
		return errors.New("Trainer.Overlap: ranks that hold a model together have sums of their own while they compute, and no others beside them")
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

// setting is a number that may not be below another.
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

// freeze freezes the parameters of the solver's groups that are frozen.
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
			p.SetFrozen(true) // and not what lies below it
		}
	}
	o.frozen = true
	return unmatched(o.Groups, seen)
}
