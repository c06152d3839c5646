package train

import "gorgonia.org/gorgonia"

// An Update is a change of the weights that is about to be made.
type Update struct {
	Step  int     // number of updates before this one
	Loss  float64 // of its batch, nats per token
	Norm  float64 // global norm of the gradient, before clipping
	Rate  float64 // learning rate
	Skip  bool    // the update is left out; the guard may have set this
	Model []gorgonia.ValueGrad

	Values  map[string]float64 // reported beside the loss by the task and by layers
	Vectors Vectors            // reported by layers; see [Step.Vectors]
}

// A Hook sees each update before it is made. It may change the gradients of u.Model, whose norm is
// then measured again, or set u.Skip. Hooks are called in order. A hook that keeps state must
// itself preserve it if the run is resumed. An error ends the run.
type Hook interface {
	BeforeUpdate(u *Update) error
}

// HookFunc adapts a function to a Hook.
type HookFunc func(u *Update) error

// BeforeUpdate calls f.
func (f HookFunc) BeforeUpdate(u *Update) error { return f(u) }

// Every returns an [Observer] that calls f after each n-th step, and after step last, the last of
// the run: for example, to write a sample.
func Every(n, last int, f func(step int) error) Observer { return every{n, last, f} }

type every struct {
	n, last int
	f       func(step int) error
}

// OnStep calls f if the step is due.
func (e every) OnStep(s Step) error {
	if e.n > 0 && (s.Step%e.n == 0 || s.Step == e.last) {
		return e.f(s.Step)
	}
	return nil
}

// OnEvaluation does nothing.
func (every) OnEvaluation(Evaluation) error { return nil }

// hooks calls the hooks for an update.
func (r *run) hooks(u *Update) error {
	for _, h := range r.Hooks {
		if err := h.BeforeUpdate(u); err != nil {
			return err
		}
		var err error
		if u.Norm, err = r.measure(); err != nil {
			return err
		}
	}
	return nil
}
