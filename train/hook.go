package train

import "gorgonia.org/gorgonia"

// An Update is a change of the weights that is about to be made.
type Update struct {
	Step  int     // updates before it
	Loss  float64 // of its batch, nats per token
	Norm  float64 // global norm of the gradient, before clipping
	Rate  float64 // learning rate
	Skip  bool    // leave it out; the guard may have set it
	Model []gorgonia.ValueGrad

	Values  map[string]float64 // that the task reports beside the loss, and layers
	Vectors Vectors            // that layers report; see [Step.Vectors]
}

// A Hook sees each update before it is made, and may change it: the gradients of
// u.Model, whose norm is then measured anew, or u.Skip. Hooks are called in order. What a
// hook remembers is its own to keep across a resumed run. An error ends the run.
type Hook interface {
	BeforeUpdate(u *Update) error
}

// HookFunc is a function as a Hook.
type HookFunc func(u *Update) error

// BeforeUpdate calls f.
func (f HookFunc) BeforeUpdate(u *Update) error { return f(u) }

// Every is an [Observer] that calls f after each n-th step, and after the last of the
// run: to write a sample, say.
func Every(n, last int, f func(step int) error) Observer { return every{n, last, f} }

type every struct {
	n, last int
	f       func(step int) error
}

// OnStep calls f if it is time.
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
