package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/gorgpt/gorgpt/graph"
)

// Evaluator evaluates a task for its [Validator], without dropout and without gradients. All
// evaluations of a run share one.
type Evaluator struct {
	r       *run
	closers []io.Closer
}

// Mean runs the task's loss over batches until next returns io.EOF. The loss, and the values
// reported beside it, are means over all targets. If the batches say how many bytes their targets
// stand for, [BitsPerByte] is one of the values.
//
// All ranks read the same batches, and each runs some of them. The result is bit for bit that of
// one process.
func (e *Evaluator) Mean(ctx context.Context, next func(context.Context) (Batch, error)) (Evaluation, error) {
	rows, n, err := e.rows(ctx, next)
	if err == nil && n == 0 {
		err = errors.New("the validation stream is empty")
	}
	size := e.r.peers.Size()
	counts, err := e.r.agree(1, []float64{float64(n)}, err)
	if err == nil && counts[0] != float64(n*size) {
		err = fmt.Errorf("rank %d of %d has read %d batches, but others have read a different number", e.r.peers.Rank(), size, n)
	}
	if err != nil {
		return Evaluation{}, err
	}
	if rows, err = e.r.peers.SumScalars(rows); err != nil {
		return Evaluation{}, err
	}
	last := 1 + len(e.r.first.values)
	agreed := make([]float64, last+2)
	for i, x := range rows {
		agreed[i%(last+2)] += x
	}
	targets, bytes := agreed[last], agreed[last+1]
	if targets == 0 {
		return Evaluation{}, errors.New("the validation stream has no targets")
	}
	bits := agreed[0] / math.Ln2 / bytes
	for i := range agreed[:last] {
		agreed[i] /= targets
	}
	result := Evaluation{Loss: agreed[0], Values: e.r.first.named(agreed[:last])}
	if bytes > 0 {
		if result.Values == nil {
			result.Values = make(Values)
		}
		result.Values[BitsPerByte] = bits
	}
	return result, nil
}

// BitsPerByte is the name of an evaluation's value that can be compared between tokenizers: the
// loss summed over all targets, in bits, divided by the bytes of text that those targets stand for.
const BitsPerByte = "bits_per_byte"

// rows returns a row for each of n batches: the loss and the values beside it, summed over the
// targets; the number of targets; and their number of bytes. Rows of batches that other ranks run
// are zero.
func (e *Evaluator) rows(ctx context.Context, next func(context.Context) (Batch, error)) (rows []float64, n int, err error) {
	last := 1 + len(e.r.first.values)
	rank, size := e.r.peers.Rank(), e.r.peers.Size()
	var terms []float64
	for ; ; n++ {
		b, err := next(ctx)
		if err == io.EOF {
			return rows, n, nil
		}
		if err != nil {
			return rows, n, e.r.unread(err)
		}
		row := len(rows)
		rows = append(rows, make([]float64, last+2)...)
		if n%size != rank || b.Targets == 0 {
			continue
		}
		p, declared, err := e.r.evals.For(b.Shape...)
		if err != nil {
			return rows, n, err
		}
		weight, err := b.Feed(p, b.Targets)
		if err != nil {
			return rows, n, err
		}
		if err := p.Run(); err != nil {
			return rows, n, err
		}
		if err := ctx.Err(); err != nil {
			return rows, n, err
		}
		terms = declared.of(p, weight, terms)
		for i, x := range terms {
			rows[row+i] = float64(b.Targets) * x
		}
		rows[row+last], rows[row+last+1] = float64(b.Targets), float64(b.Bytes)
	}
}

// Arena returns the memory that training uses, which programs of the task may share.
func (e *Evaluator) Arena() *graph.Arena { return e.r.programs.Arena }

// CloseLater arranges for c to be closed when the run ends.
func (e *Evaluator) CloseLater(c io.Closer) { e.closers = append(e.closers, c) }

// Rank returns the rank of this process among the peers.
func (e *Evaluator) Rank() int { return e.r.peers.Rank() }

// Size returns the number of peers.
func (e *Evaluator) Size() int { return e.r.peers.Size() }

// Join assembles a table, rows of width numbers, of which each peer has some rows. Each peer passes
// its rows, and nil for those of the others; all get the whole table.
func (e *Evaluator) Join(rows [][]float64, width int) ([][]float64, error) {
	if e.Size() == 1 {
		return rows, nil
	}
	flat := make([]float64, len(rows)*width)
	for i, row := range rows {
		copy(flat[i*width:(i+1)*width], row)
	}
	flat, err := e.r.peers.SumScalars(flat)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i] = flat[i*width : (i+1)*width]
	}
	return rows, nil
}

// close closes what evaluations have left open.
func (e *Evaluator) close() error {
	var errs []error
	for _, c := range e.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// evaluationDue reports whether the current step calls for an evaluation that has not been made
// yet. A run interrupted before an evaluation makes it after resuming, so that its evaluations are
// those of a run that was never stopped.
func (r *run) evaluationDue() bool {
	if r.validator == nil || r.at.Evaluated != nil && r.at.Evaluated.Step == r.at.Step || r.at.Step < r.EvalFrom {
		return false
	}
	return r.at.Step == 0 || r.at.Step == r.Steps || r.EvalEvery > 0 && r.at.Step%r.EvalEvery == 0
}

// evaluate runs an evaluation and reports it, and records it if it is the best since training
// began.
func (r *run) evaluate(ctx context.Context) error {
	r.halted = false
	if r.several() {
		ctx = context.WithoutCancel(ctx) // either all ranks evaluate, or none
	}
	if err := r.average(r.model, true); err != nil {
		return err
	}
	e, err := r.validator.Validate(ctx, r.evaluator)
	if err != nil {
		return err
	}
	for name := range e.Values {
		if err := checkValue(name); err != nil {
			return err
		}
	}
	e.Step = r.at.Step
	broken := math.IsNaN(e.Loss) || math.IsInf(e.Loss, 0)
	if !broken {
		r.at.Evaluated = &e
		r.dirty = true
		if e.Step > 0 && (r.at.Best == nil || r.better(e, *r.at.Best)) {
			r.at.Best = &e
		}
	}
	if err := r.tell(func(o Observer) error { return o.OnEvaluation(e) }); err != nil {
		return err
	}
	if broken {
		return unsaved{fmt.Errorf("the validation loss is %v", e.Loss)}
	}
	return nil
}

func (r *run) better(a, b Evaluation) bool {
	if ranker, ok := r.validator.(Ranker); ok {
		return ranker.Better(a, b)
	}
	return a.Loss < b.Loss
}

// unread records that the data could not be read, so that the run may continue on a repaired text,
// and returns the error. The end of the data and an interrupt are not faults of the text.
func (r *run) unread(reason error) error {
	r.dirty = true
	r.halted = reason != io.EOF && !errors.Is(reason, context.Canceled) && !errors.Is(reason, context.DeadlineExceeded)
	return reason
}
