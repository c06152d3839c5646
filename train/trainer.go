package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"gorgonia.org/gorgonia"
)

// A Model declares the loss of a batch: the mean over all positions of the
// cross-entropy of each next token, a scalar, from tokens and targets of shape
// (B, T).
type Model interface {
	Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node
}

// A Trainer fits a model to a stream of tokens. Set the fields, then call
// [Trainer.Run]. Step n is the moment after n updates.
type Trainer struct {
	Model  Model
	Params *graph.Params // the weights; those of a resumed run hold the saved ones
	Train  datasets.Stream

	// Validation opens a finite stream, the same batches each time, for one
	// evaluation. Without it there are none.
	Validation func() (datasets.Stream, error)

	// ValidationStart is the state of a new stream of Validation. It is kept in
	// State.Validation, which that of the resumed run can be held against.
	ValidationStart []byte

	Solver   gorgonia.Solver
	Schedule Schedule

	Steps      int // updates in all
	Batch      int // B, sequences in a micro-batch, as the streams deliver them
	Context    int // T, tokens in a sequence
	Accumulate int // micro-batches in an update, a mean over the targets of all; 0 means 1

	Guard Guard  // skips updates that stand out
	Hooks []Hook // see updates before they are made

	// EvalEvery is the number of updates between two evaluations. There is
	// always one before the first update and one after the last.
	EvalEvery   int
	EvalBatches int // batches of an evaluation; 0 means the whole stream

	// Save is called with a state to keep together with the weights: every
	// SaveEvery updates, after every evaluation but that of step 0 (if it is the
	// best so far, State.Best.Step equals State.Step), at the end, and when the
	// run is interrupted or fails with its weights intact. The state is valid during
	// the call.
	Save      func(State) error
	SaveEvery int

	// StopAfter ends the run cleanly at that step, as an interrupt would, but
	// without an error; 0 means at Steps.
	StopAfter int

	// Graph are further options of the graphs that train and evaluate, such as
	// graph.Recompute.
	Graph []graph.Option

	Seed uint64 // of dropout
	// Settings are what else makes a run what it is, in lines that only their author reads: model,
	// solver, schedule. Restore refuses a state that was saved with others.
	Settings  string
	Observers []Observer

	at     State  // what State returns, but for stream and solver
	place  []byte // of the training data before an update that failed; nil if none did
	halted bool   // data could not be read on
	retell bool   // at was restored, and observers are to be told of its step again
	dirty  bool   // something happened since the last save
	begun  bool
}

// Run trains up to Steps or StopAfter. If ctx is cancelled it finishes the
// update in progress, saves, and returns an error that wraps ctx.Err(). Run may
// be called again to go on. Any error of the model, a stream, a hook, the solver, an
// observer or Save ends the run; where the weights are as they were after the last
// update, it saves first, and the error is that of the save too if that fails. A loss or a
// gradient that is not finite ends it without: the update would only fail again.
func (t *Trainer) Run(ctx context.Context) error {
	r, err := t.start()
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	err = r.loop(ctx)
	if closeErr := r.close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	return err
}

// check finds settings that are missing or out of range.
func (t *Trainer) check() error {
	missing := ""
	switch {
	case t.Model == nil:
		missing = "Model"
	case t.Params == nil:
		missing = "Params"
	case t.Train == nil:
		missing = "Train"
	case t.Solver == nil:
		missing = "Solver"
	case t.Schedule == nil:
		missing = "Schedule"
	}
	if missing != "" {
		return fmt.Errorf("%s is not set", "Trainer."+missing)
	}
	if err := t.Guard.check(); err != nil {
		return err
	}
	for _, f := range []struct {
		name       string
		got, least int
	}{
		{"Steps", t.Steps, 1}, {"Batch", t.Batch, 1}, {"Context", t.Context, 1}, {"Accumulate", t.Accumulate, 0},
		{"EvalEvery", t.EvalEvery, 0}, {"EvalBatches", t.EvalBatches, 0},
		{"SaveEvery", t.SaveEvery, 0}, {"StopAfter", t.StopAfter, 0},
	} {
		if f.got < f.least {
			return fmt.Errorf("%s is %d, want %d or more", "Trainer."+f.name, f.got, f.least)
		}
	}
	if t.at.Step > t.Steps {
		return fmt.Errorf("the run is at step %d already, beyond the %d that are planned", t.at.Step, t.Steps)
	}
	if t.StopAfter > 0 && t.StopAfter <= t.at.Step {
		return fmt.Errorf("the run is at step %d already, and is to stop after %d", t.at.Step, t.StopAfter)
	}
	return nil
}
