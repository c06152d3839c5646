package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
)

// Restart makes the Validation of a [Trainer] from one finite stream, which each
// evaluation starts again where it is now. The stream stays the caller's to
// close.
func Restart(stream datasets.Stream) (func() (datasets.Stream, error), error) {
	start, err := stream.State()
	if err != nil {
		return nil, err
	}
	return func() (datasets.Stream, error) {
		if err := stream.Restore(start); err != nil {
			return nil, err
		}
		return unclosed{stream}, nil
	}, nil
}

// unclosed is a stream that outlives an evaluation.
type unclosed struct{ datasets.Stream }

func (unclosed) Close() error { return nil }

// evaluationDue tells whether the step the run is at wants an evaluation that
// it has not had. A run interrupted before it has it when resumed, so the
// evaluations are those of a run that was never stopped.
func (r *run) evaluationDue() bool {
	if r.Validation == nil || r.at.Evaluated != nil && r.at.Evaluated.Step == r.at.Step {
		return false
	}
	return r.at.Step == 0 || r.at.Step == r.Steps || r.EvalEvery > 0 && r.at.Step%r.EvalEvery == 0
}

// evaluate reports the mean loss over the validation batches, without dropout,
// and remembers it if it is the best since training began.
func (r *run) evaluate(ctx context.Context) error {
	r.halted = false
	if r.eval == nil {
		s := graph.New(r.Params, r.Graph...)
		r.loss = r.declare(s)
		var err error
		if r.eval, err = s.Compile(r.loss); err != nil {
			return err
		}
	}
	stream, err := r.Validation()
	if err != nil {
		return r.unread(err)
	}
	loss, err := r.meanLoss(ctx, stream)
	if err := errors.Join(err, stream.Close()); err != nil {
		return err
	}
	e := Evaluation{Step: r.at.Step, Loss: loss}
	broken := math.IsNaN(loss) || math.IsInf(loss, 0)
	if !broken {
		r.at.Evaluated = &e
		r.dirty = true
		if e.Step > 0 && (r.at.Best == nil || e.Loss < r.at.Best.Loss) {
			r.at.Best = &e
		}
	}
	if err := r.tell(func(o Observer) error { return o.OnEvaluation(e) }); err != nil {
		return err
	}
	if broken {
		return unsaved{fmt.Errorf("the validation loss is %v", loss)}
	}
	return nil
}

// unread notes that data could not be read, so that the run may go on with text that was
// mended, and returns the error. The end of the data and an interrupt are no fault of the text.
func (r *run) unread(reason error) error {
	r.dirty = true
	r.halted = reason != io.EOF && !errors.Is(reason, context.Canceled) && !errors.Is(reason, context.DeadlineExceeded)
	return reason
}

// meanLoss runs the evaluation program over a stream: the mean over its targets.
func (r *run) meanLoss(ctx context.Context, stream datasets.Stream) (float64, error) {
	var sum float64
	targets := 0
	n := 0
	for ; r.EvalBatches == 0 || n < r.EvalBatches; n++ {
		b, err := stream.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, r.unread(err)
		}
		if err := r.feed(r.eval, b); err != nil {
			return 0, err
		}
		k := b.Targeted()
		if k == 0 { // another process has the last windows
			continue
		}
		if err := r.eval.Run(); err != nil {
			return 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		sum += float64(k) * float64(r.eval.Value(r.loss)[0])
		targets += k
	}
	switch {
	case n == 0:
		return 0, errors.New("the validation stream is empty")
	case targets == 0:
		return 0, errors.New("the validation stream has no targets")
	}
	return sum / float64(targets), nil
}
