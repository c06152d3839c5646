package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/optional"
	"gorgonia.org/gorgonia"
)

// run is one call of Run: the trainer and what it compiled.
type run struct {
	*Trainer
	micro   int // micro-batches in an update
	batches []datasets.Batch
	train   *graph.Program
	eval    *graph.Program // made by the first evaluation
	loss    *gorgonia.Node // of eval
	model   []gorgonia.ValueGrad
	setRate func(float64)
	began   time.Time
	before  float64 // seconds of earlier calls
}

// start checks the settings and compiles the training program.
func (t *Trainer) start() (*run, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	setRate, err := setRate(t.Solver)
	if err != nil {
		return nil, err
	}
	r := &run{Trainer: t, setRate: setRate, micro: max(t.Accumulate, 1), began: time.Now(), before: t.at.Seconds}
	s := graph.New(t.Params, append([]graph.Option{graph.Training()}, t.Graph...)...)
	loss := t.declare(s)
	if r.train, err = s.CompileGrad(loss); err != nil {
		return nil, err
	}
	r.batches = make([]datasets.Batch, r.micro)
	r.model = t.Params.ValueGrads()
	t.Params.ZeroGrad() // an earlier call may have failed halfway
	if !t.begun {
		t.begun, t.dirty = true, true
	}
	return r, nil
}

// declare applies the model to inputs of the trainer's shape.
func (t *Trainer) declare(s *graph.Scope) *gorgonia.Node {
	return t.Model.Loss(s, s.Ints("tokens", t.Batch, t.Context), s.Ints("targets", t.Batch, t.Context))
}

// loop alternates evaluations, saves and steps.
func (r *run) loop(ctx context.Context) error {
	if err := r.tellAgain(); err != nil {
		return fmt.Errorf("train: step %d: %w", r.at.Step, err)
	}
	for {
		evaluated := false
		if ctx.Err() == nil && r.evaluationDue() {
			err := r.evaluate(ctx)
			if err != nil && !errors.Is(err, ctx.Err()) {
				return r.fail(fmt.Errorf("train: evaluation at step %d: %w", r.at.Step, err))
			}
			evaluated = err == nil && r.at.Step > 0
		}
		done := r.at.Step == r.Steps || r.at.Step == r.StopAfter && r.StopAfter > 0
		switch {
		case ctx.Err() != nil && (!done || r.evaluationDue()):
			stopped := fmt.Errorf("train: interrupted after step %d of %d: %w", r.at.Step, r.Steps, ctx.Err())
			return r.fail(stopped)
		case done:
			return r.save()
		case evaluated, r.SaveEvery > 0 && r.at.Step > 0 && r.at.Step%r.SaveEvery == 0:
			if err := r.save(); err != nil {
				return err
			}
		}
		// An update in progress is finished, come what may.
		n := r.at.Step + 1
		err := r.step(context.WithoutCancel(ctx))
		if errors.Is(err, io.EOF) {
			return r.fail(fmt.Errorf("train: step %d of %d: the training data ended: %w", n, r.Steps, io.EOF))
		}
		if err == nil {
			err = r.tell(func(o Observer) error { return o.OnStep(*r.at.Last) })
		}
		if err != nil {
			return r.fail(fmt.Errorf("train: step %d: %w", n, err))
		}
	}
}

// tell reports to the observers.
func (r *run) tell(report func(Observer) error) error {
	r.at.Untold = true
	for _, o := range r.Observers {
		if err := report(o); err != nil {
			return err
		}
	}
	r.at.Untold = false
	return nil
}

// tellAgain reports the last step, and its evaluation, if an observer failed at one of
// them before the state was saved.
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

// step does one update. An error leaves the state as it was before.
func (r *run) step(ctx context.Context) (err error) {
	began := time.Now()
	if r.place != nil { // an update failed in an earlier call of Run
		if err := r.Train.Restore(r.place); err != nil {
			return err
		}
		r.place = nil
	}
	r.halted = false
	place, err := r.Train.State()
	if err != nil {
		return fmt.Errorf("position of the training data: %w", err)
	}
	guard := r.at.Guard
	defer func() {
		if err != nil {
			r.place, r.at.Guard = place, guard
		}
	}()
	r.Params.ZeroGrad() // Gorgonia's solvers leave them, and a skipped update does
	weights, err := r.read(ctx)
	if err != nil {
		return r.unread(err)
	}
	var loss float64
	for m, b := range r.batches {
		if err := r.feed(r.train, b); err != nil {
			return err
		}
		r.train.Seed(r.Seed, uint64(r.at.Step)*uint64(r.micro)+uint64(m))
		if err := r.train.RunGrad(float32(weights[m])); err != nil {
			return err
		}
		loss += weights[m] * float64(r.train.Loss())
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return unsaved{r.notFinite(loss)}
	}
	rate := r.Schedule(r.at.Step)
	r.setRate(rate)
	u := Update{Step: r.at.Step, Loss: loss, Rate: rate, Model: r.model}
	if err := r.update(&u); err != nil {
		return err
	}
	now := time.Now()
	tokens := int64(r.Batch) * int64(r.Context) * int64(r.micro)
	r.at.Step++
	r.at.Tokens += tokens
	r.at.Seconds = r.before + now.Sub(r.began).Seconds()
	r.dirty = true
	r.at.Last = &Step{
		Step: r.at.Step, Tokens: r.at.Tokens, Loss: loss, LearnRate: rate, GradNorm: u.Norm, Skipped: u.Skip,
		TokensPerSecond: float64(tokens) / max(now.Sub(began).Seconds(), 1e-9), Seconds: r.at.Seconds,
	}
	return nil
}

// read takes the batches of an update, and returns the share of their targets that each has:
// the loss of one is the mean over its own.
func (r *run) read(ctx context.Context) (weights []float64, err error) {
	total := 0
	for m := range r.micro {
		b, err := r.Train.Next(ctx)
		if err != nil {
			return nil, err
		}
		if r.micro > 1 { // the next call of Next overwrites it
			b.Tokens = append(r.batches[m].Tokens[:0], b.Tokens...)
			b.Targets = append(r.batches[m].Targets[:0], b.Targets...)
		}
		r.batches[m] = b
		n := b.Targeted()
		total += n
		weights = append(weights, float64(n))
	}
	for m := range weights {
		weights[m] /= float64(max(total, 1))
	}
	return weights, nil
}

// update lets the solver change the weights, unless the guard or a hook is against it.
func (r *run) update(u *Update) (err error) {
	if u.Norm, err = r.measure(); err != nil {
		return err
	}
	u.Skip = r.Guard.skips(&r.at.Guard, u.Loss, u.Norm)
	if err := r.hooks(u); err != nil {
		return err
	}
	if u.Skip {
		return nil
	}
	if err := r.Solver.Step(r.model); err != nil {
		return unsaved{err} // some weights may be changed
	}
	return nil
}

// measure returns the norm of the gradient, which must be finite.
func (r *run) measure() (norm float64, err error) {
	if m, ok := optional.As[Measurer](r.Solver); ok {
		norm, err = m.Measure(r.model)
	} else {
		norm, err = gradNorm(r.model)
	}
	if err == nil && (math.IsNaN(norm) || math.IsInf(norm, 0)) {
		err = fmt.Errorf("the norm of the gradient is %v; no weight was changed", norm)
	}
	if err != nil {
		return 0, unsaved{err}
	}
	return norm, nil
}

// notFinite is the error of a loss that is no number. It names where that begins: a
// weight, or the first place of the model whose result is not finite.
func (r *run) notFinite(loss float64) error {
	const advice = "no weight was changed; a lower learning rate or a longer warm-up may help"
	for _, p := range r.Params.All() {
		if i := slices.IndexFunc(p.Data(), func(x float32) bool { return x-x != 0 }); i >= 0 {
			return fmt.Errorf("the loss is %v: weight %d of %s is %v; %s", loss, i, p.Name(), p.Data()[i], advice)
		}
	}
	place, err := r.train.FirstNotFinite()
	if err != nil {
		return err
	}
	if place == "" {
		return fmt.Errorf("the loss is %v; %s", loss, advice)
	}
	return fmt.Errorf("the loss is %v: it begins at %s; %s", loss, place, advice)
}

// feed gives a program a batch.
func (r *run) feed(p *graph.Program, b datasets.Batch) error {
	if b.Size != r.Batch || b.Context != r.Context {
		return fmt.Errorf("the stream delivers batches of (%d, %d), want (%d, %d)", b.Size, b.Context, r.Batch, r.Context)
	}
	if err := p.SetInts("tokens", b.Tokens); err != nil {
		return err
	}
	return p.SetInts("targets", b.Targets)
}

// save hands out the state, unless that was done already.
func (r *run) save() error {
	if r.Save == nil || !r.dirty {
		return nil
	}
	s, err := r.State()
	if err != nil {
		return fmt.Errorf("train: state at step %d: %w", r.at.Step, err)
	}
	if err := r.Save(s); err != nil {
		return fmt.Errorf("train: saving step %d: %w", r.at.Step, err)
	}
	r.dirty = false
	return nil
}

// unsaved is an error after which nothing is saved: the weights may not be those of the
// last update, or the next one would fail as this one did.
type unsaved struct{ error }

func (u unsaved) Unwrap() error { return u.error }

// fail saves, unless that is of no use, and returns the reason for it.
func (r *run) fail(reason error) error {
	if errors.As(reason, new(unsaved)) {
		return reason
	}
	if err := r.save(); err != nil {
		return fmt.Errorf("%w; %w", reason, err)
	}
	return reason
}

// close ends the programs.
func (r *run) close() error {
	err := r.train.Close()
	if r.eval != nil {
		err = errors.Join(err, r.eval.Close())
	}
	return err
}
