package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/optional"
	"gorgonia.org/gorgonia"
)

// run is one call of Run: the trainer, and what it has compiled.
type run struct {
	*Trainer
	peers      Peers
	within     Peers    // those that hold the model together; usually this one alone
	programs   programs // for training
	evals      programs // for evaluation
	first      *terms   // of the first training program
	evaluator  *Evaluator
	validator  Validator // nil if there is nothing to measure on
	model      []gorgonia.ValueGrad
	inOrder    []*graph.Param  // parameters that the loss depends on, by name: the same order on all ranks
	watched    []graph.Watched // in the last program run of the update
	overlap    *overlap
	readyOrder []*graph.Param // the order in which the first program completes its gradients
	tree       *gradientTree  // nil adds gradients up one after another
	sums       [][]float64    // of the loss of an update, and of the values beside it, a row per micro-batch
	setRate    func(float64)
	stopped    func() bool // reports whether this rank was interrupted
	asked      bool        // whether a rank that holds the model together with this one was interrupted
	stopping   error       // the interrupt of some rank, once all ranks know of it
	began      time.Time
	before     float64 // seconds of earlier calls
}

// start checks the settings and compiles the training program.
func (t *Trainer) start(ctx context.Context) (*run, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	setRate, err := setRate(t.Solver)
	if err != nil {
		return nil, err
	}
	r := &run{Trainer: t, peers: t.Peers, setRate: setRate, began: time.Now(), before: t.at.Seconds}
	r.evaluator = &Evaluator{r: r}
	r.stopped = func() bool { return ctx.Err() != nil }
	if r.peers == nil {
		r.peers = alone{}
	}
	if r.within, err = t.withinOf(); err != nil {
		return nil, err
	}
	arena := new(graph.Arena)
	r.programs, r.evals = programs{Build: r.compileTraining, Arena: arena}, programs{Build: r.compileEvaluation, Arena: arena}
	if v, ok := optional.As[Validator](t.Task); ok && v.Validates() {
		r.validator = v
	}
	first, _, err := r.programs.For(t.Task.Shape()...)
	if err != nil {
		return nil, err
	}
	r.readyOrder = first.ReadyOrder()
	r.findModel()
	if t.Tree {
		r.tree = &gradientTree{params: r.inOrder}
	}
	if err := t.shard(); err != nil {
		return nil, err
	}
	t.Params.ZeroGrad() // an earlier call may have failed halfway
	if !t.begun {
		t.begun, t.dirty = true, true
	}
	return r, nil
}

// findModel finds the parameters that the loss depends on: a checkpoint may have more than the graph.
func (r *run) findModel() {
	var beside []*graph.Param
	for _, p := range r.Params.All() {
		if slices.Contains(r.readyOrder, p) {
			r.model, r.inOrder = append(r.model, p), append(r.inOrder, p)
		} else {
			beside = append(beside, p)
		}
	}
	slices.SortFunc(r.inOrder, func(a, b *graph.Param) int { return cmp.Compare(a.Name(), b.Name()) })
	if o, ok := optional.As[*Optimizer](r.Solver); ok {
		o.beside = beside
	}
}

// interrupted returns why the run is to stop after the current update, or nil.
func (r *run) interrupted(ctx context.Context) error {
	if r.several() && r.stopping == nil {
		return nil // until all ranks know
	}
	return cmp.Or(ctx.Err(), r.stopping)
}

// loop alternates evaluations, saves and steps.
func (r *run) loop(ctx context.Context) error {
	if err := r.meet(); err != nil {
		return fmt.Errorf("train: step %d: %w", r.at.Step, err)
	}
	if err := r.tellAgain(); err != nil {
		return fmt.Errorf("train: step %d: %w", r.at.Step, err)
	}
	for {
		evaluated := false
		if r.interrupted(ctx) == nil && r.evaluationDue() {
			err := r.evaluate(ctx)
			if err != nil && !errors.Is(err, ctx.Err()) {
				return r.fail(fmt.Errorf("train: evaluation at step %d: %w", r.at.Step, err))
			}
			evaluated = err == nil && r.at.Step > 0
		}
		done := r.at.Step == r.Steps || r.at.Step == r.StopAfter && r.StopAfter > 0
		stop := r.interrupted(ctx)
		switch {
		case stop != nil && (!done || r.evaluationDue()):
			return r.fail(fmt.Errorf("train: interrupted after step %d of %d: %w", r.at.Step, r.Steps, stop))
		case done, evaluated, r.at.Step > 0 && (r.at.Step == r.SaveAt || r.SaveEvery > 0 && r.at.Step%r.SaveEvery == 0):
			err := r.same()
			if err == nil {
				err = r.save()
			}
			if err != nil || done {
				return err
			}
		}
		if err := r.next(ctx); err != nil {
			return r.fail(err)
		}
	}
}

// next makes an update and reports it. Once begun, an update is always finished.
func (r *run) next(ctx context.Context) error {
	n := r.at.Step + 1
	err := r.step(context.WithoutCancel(ctx))
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("train: step %d of %d: the training data ended: %w", n, r.Steps, io.EOF)
	}
	if err == nil {
		err = r.tell(func(o Observer) error { return o.OnStep(*r.at.Last) })
	}
	if err != nil {
		return fmt.Errorf("train: step %d: %w", n, err)
	}
	return nil
}

// tell reports to the observers. Ranks that each keep a part of the solver's state save together,
// so all of them must know of an observer's error.
func (r *run) tell(report func(Observer) error) error {
	if r.peers.Rank() > 0 {
		return r.agreeSharded(nil)
	}
	r.at.Untold = true
	var err error
	for _, o := range r.Observers {
		if err = report(o); err != nil {
			break
		}
	}
	if r.sharded() {
		err = r.agreeSharded(err)
	} else {
		err = r.agreeWithin(err)
	}
	if err != nil {
		return err
	}
	r.at.Untold = false
	return nil
}

// tellAgain repeats the reports of the last step and of its evaluation, if an observer failed at
// one of them before the state was saved.
func (r *run) tellAgain() error {
	if !r.retell {
		return nil
	}
	if s := r.at.Last; s != nil && s.Step == r.at.Step {
		if err := r.tell(func(o Observer) error { return o.OnStep(*s) }); err != nil {
			return err
		}
	}
	if e := r.at.Evaluated; e != nil && e.Step == r.at.Step {
		if err := r.tell(func(o Observer) error { return o.OnEvaluation(*e) }); err != nil {
			return err
		}
	}
	r.retell = false
	return nil
}

// save passes the state to Save, unless that was done already.
func (r *run) save() error {
	if err := r.saveTogether(); err != nil || !r.dirty {
		return err
	}
	var tensors []Tensor
	if r.sharded() {
		var err error
		if tensors, err = r.gather(); err != nil {
			return err
		}
	}
	if r.Save == nil || r.peers.Rank() > 0 {
		r.dirty = false
		return nil
	}
	if err := r.average(r.model, true); err != nil {
		return err
	}
	s, err := r.State()
	if err != nil {
		return fmt.Errorf("train: state at step %d: %w", r.at.Step, err)
	}
	if r.sharded() {
		s.Solver.Tensors = tensors
	}
	if err := r.Save(s); err != nil {
		return fmt.Errorf("train: saving step %d: %w", r.at.Step, err)
	}
	r.dirty = false
	return nil
}

// saveTogether makes ranks that hold the model together, or that each keep a part of the solver's
// state, save if one of them has something to save.
func (r *run) saveTogether() error {
	all := []Peers{r.within}
	if r.sharded() {
		all = append(all, r.peers)
	}
	for _, peers := range all {
		if peers.Size() == 1 {
			continue
		}
		dirty := []float64{0}
		if r.dirty {
			dirty[0] = 1
		}
		dirty, err := peers.SumScalars(dirty)
		if err != nil {
			return fmt.Errorf("train: saving step %d: %w", r.at.Step, err)
		}
		r.dirty = dirty[0] > 0
	}
	return nil
}

// unsaved is an error after which nothing is saved: either the weights may not be those of the last
// update, or the next update would fail in the same way.
type unsaved struct{ error }

func (u unsaved) Unwrap() error { return u.error }

// fail saves, unless that would be useless, and returns the reason.
func (r *run) fail(reason error) error {
	if errors.As(reason, new(unsaved)) {
		return reason
	}
	if err := r.save(); err != nil {
		return fmt.Errorf("%w; %w", reason, err)
	}
	return reason
}

// close closes the programs.
func (r *run) close() error {
	return errors.Join(r.evaluator.close(), r.programs.Close(), r.evals.Close())
}
