package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets"
	"gorgonia.org/gorgonia"
)

// breaking is a stream that fails from one sequence on.
type breaking struct {
	*toyStream
	at int
}

func (b *breaking) Next(ctx context.Context) (datasets.Batch, error) {
	if b.next >= b.at {
		return datasets.Batch{}, errTest
	}
	return b.toyStream.Next(ctx)
}

// atEvaluation is an observer that fails at the evaluation of one step.
type atEvaluation int

func (atEvaluation) OnStep(Step) error { return nil }

func (a atEvaluation) OnEvaluation(e Evaluation) error {
	if e.Step == int(a) {
		return errTest
	}
	return nil
}

// upTo removes what came after a step from a log, as resuming does in a run's files.
func upTo(r *recorder, step int) {
	r.steps = slices.DeleteFunc(r.steps, func(s Step) bool { return s.Step > step })
	r.evals = slices.DeleteFunc(r.evals, func(e Evaluation) bool { return e.Step > step })
}

// TestFailureIsSaved: if anything other than the weights fails, the run is saved first. If it is resumed once
// the cause is gone, it has the same losses, reports and weights as a run in which nothing failed.
func TestFailureIsSaved(t *testing.T) {
	const steps, every = 12, 4
	setup := func() (*Trainer, *recorder) {
		tr, r := newToy()
		lm(tr).Model = toyModel{dropout: 0.1}
		tr.Guard = Guard{Deviations: 1, Window: 3}
		tr.Steps, lm(tr).Accumulate, tr.EvalEvery, lm(tr).Validation = steps, 2, every, validation
		return tr, r
	}
	failAt := func(step int) Observer { return atStep{step, func() error { return errTest }} }
	var want saved
	whole, all := setup()
	whole.Save = want.keep(whole)
	mustRun(t, whole)
	for _, c := range []struct {
		name  string
		spoil func(*Trainer)
		step  int // the step that is saved
		error string
	}{
		{"data at once", func(t *Trainer) { lm(t).Train = &breaking{lm(t).Train.(*toyStream), 0} }, 0, "train: step 1"},
		{"data", func(t *Trainer) { lm(t).Train = &breaking{lm(t).Train.(*toyStream), 4 * 2 * 5} }, 5, "train: step 6"},
		{"data within an update", func(t *Trainer) { lm(t).Train = &breaking{lm(t).Train.(*toyStream), 4*2*5 + 4} }, 5, "train: step 6"},
		{"data after a save", func(t *Trainer) { lm(t).Train = &breaking{lm(t).Train.(*toyStream), 4 * 2 * 8} }, 8, "train: step 9"},
		{"first observer", func(t *Trainer) { t.Observers = append([]Observer{failAt(7)}, t.Observers...) }, 7, "train: step 7"},
		{"last observer", func(t *Trainer) { t.Observers = append(t.Observers, failAt(7)) }, 7, "train: step 7"},
		{"observer at an evaluation's step", func(t *Trainer) { t.Observers = append(t.Observers, failAt(8)) }, 8, "train: step 8"},
		{"observer at the first step", func(t *Trainer) { t.Observers = append(t.Observers, failAt(1)) }, 1, "train: step 1"},
		{"first evaluation", func(t *Trainer) { t.Observers = append(t.Observers, atEvaluation(0)) }, 0, "train: evaluation at step 0"},
		{"evaluation's observer", func(t *Trainer) { t.Observers = append(t.Observers, atEvaluation(8)) }, 8, "train: evaluation at step 8"},
		{"evaluation's observer at the end", func(t *Trainer) { t.Observers = append(t.Observers, atEvaluation(12)) }, 12, "train: evaluation at step 12"},
		{"validation data", func(t *Trainer) {
			n := 0
			lm(t).Validation = func() (datasets.Stream, error) {
				s, err := validation()
				if n++; n == 3 {
					return &breaking{s.(*toyStream), 4}, err
				}
				return s, err
			}
		}, 8, "train: evaluation at step 8"},
		{"opening of validation data", func(t *Trainer) {
			n := 0
			lm(t).Validation = func() (datasets.Stream, error) {
				if n++; n == 3 {
					return nil, errTest
				}
				return validation()
			}
		}, 8, "train: evaluation at step 8"},
		{"hook", func(t *Trainer) {
			t.Hooks = []Hook{HookFunc(func(u *Update) error {
				if u.Step == 6 {
					return errTest
				}
				return nil
			})}
		}, 6, "train: step 7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var middle, end saved
			first, r1 := setup()
			c.spoil(first)
			first.Save = middle.keep(first)
			err := first.Run(t.Context())
			if !errors.Is(err, errTest) || err.Error() != c.error+": a test's own error" {
				t.Fatalf("error is %v, want %s: …", err, c.error)
			}
			state := stateOf(t, middle)
			if state.Step != c.step {
				t.Fatalf("saved at step %d, want %d", state.Step, c.step)
			}
			upTo(r1, state.Told())

			second, r2 := setup()
			middle.restore(t, second)
			second.Save = end.keep(second)
			mustRun(t, second)
			var got []Step
			for _, s := range slices.Concat(r1.steps, r2.steps) {
				s.Seconds, s.TokensPerSecond = 0, 0
				got = append(got, s)
			}
			for i, w := range all.steps {
				if w.Seconds, w.TokensPerSecond = 0, 0; i >= len(got) || !reflect.DeepEqual(got[i], w) {
					t.Fatalf("steps are\n%+v\nwant %+v at %d", got, w, i)
				}
			}
			if len(got) != len(all.steps) {
				t.Errorf("%d steps are reported, want %d", len(got), len(all.steps))
			}
			if got := slices.Concat(r1.evals, r2.evals); !slices.EqualFunc(got, all.evals, sameEvaluation) {
				t.Errorf("evaluations are %v, want %v", got, all.evals)
			}
			if end.weights == nil { // only reports were missing
				end = middle
			}
			if !maps.EqualFunc(end.weights, want.weights, sameBits) {
				t.Error("the last weights differ")
			}
			a, b := stateOf(t, end), stateOf(t, want)
			if fmt.Sprint(a.Guard) != fmt.Sprint(b.Guard) || string(a.Stream) != string(b.Stream) || !sameEvaluation(*a.Best, *b.Best) {
				t.Errorf("the last state is %+v, want %+v", a, b)
			}
		})
	}
}

// TestFailureGoesOn: Run may be called again after a failure, and then repeats the update that failed.
func TestFailureGoesOn(t *testing.T) {
	whole, all := newToy()
	lm(whole).Accumulate = 2
	mustRun(t, whole)
	tr, r := newToy()
	lm(tr).Accumulate = 2
	bad := &breaking{lm(tr).Train.(*toyStream), 4*2*5 + 4}
	lm(tr).Train = bad
	if err := tr.Run(t.Context()); !errors.Is(err, errTest) {
		t.Fatal(err)
	}
	bad.at = math.MaxInt
	mustRun(t, tr)
	if !slices.Equal(r.losses(), all.losses()) {
		t.Error("running on gives other losses")
	}
}

// TestFailureOfTheSaveToo: if saving fails too, both errors are returned.
func TestFailureOfTheSaveToo(t *testing.T) {
	tr, _ := newToy()
	full := errors.New("no space left on device")
	tr.Observers = append(tr.Observers, atStep{3, func() error { return errTest }})
	tr.Save = func(State) error { return full }
	err := tr.Run(t.Context())
	if want := "train: step 3: a test's own error; train: saving step 3: no space left on device"; !errors.Is(err, errTest) || !errors.Is(err, full) || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// failingSolver fails after it has changed a weight.
type failingSolver struct{ *Optimizer }

func (f failingSolver) Step(model []gorgonia.ValueGrad) error {
	if err := f.Optimizer.Step(model); err != nil {
		return err
	}
	return errTest
}

// TestFailureNotSaved: a state is not saved if it may be in the middle of an update, or if the next
// update would fail again.
func TestFailureNotSaved(t *testing.T) {
	for name, spoil := range map[string]func(*Trainer){
		"solver": func(t *Trainer) { t.Solver = failingSolver{t.Solver.(*Optimizer)} },
		"gradient": func(t *Trainer) {
			t.Hooks = []Hook{HookFunc(func(u *Update) error {
				g, err := u.Model[0].Grad()
				if err == nil {
					g.Data().([]float32)[0] = float32(math.Inf(1))
				}
				return err
			})}
		},
		"validation loss": func(tr *Trainer) {
			lm(tr).Validation = validation
			tr.Params.Get(declared(t, tr, "embed")).Data()[0] = float32(math.NaN())
		},
	} {
		tr, _ := newToy()
		spoil(tr)
		tr.Save = func(State) error { t.Errorf("%s: saved", name); return nil }
		if err := tr.Run(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// ending is a stream that ends with an error.
type ending struct {
	*toyStream
	err error
}

func (s ending) Next(context.Context) (datasets.Batch, error) { return datasets.Batch{}, s.err }

// TestHalted: if the run stopped because its text could not be read, and only then, the text may have
// changed when it is resumed.
func TestHalted(t *testing.T) {
	for _, test := range []struct {
		err    error
		halted bool
	}{
		{errTest, true},
		{io.EOF, false},
		{context.Canceled, false},
		{fmt.Errorf("reading ahead: %w", context.DeadlineExceeded), false},
	} {
		tr, _ := newToy()
		lm(tr).Train = ending{lm(tr).Train.(*toyStream), test.err}
		if err := tr.Run(t.Context()); err == nil || tr.halted != test.halted {
			t.Errorf("%v: error %v, halted %v", test.err, err, tr.halted)
		}
	}
}

// TestBadRates: a learning rate that is not a number changes no weight; nor do rules with settings out of range.
func TestBadRates(t *testing.T) {
	tr, _ := newToy()
	tr.Steps, tr.Schedule = 3, func(step int) float64 { return []float64{0.1, 0.1, math.NaN()}[step] }
	var saves []int
	tr.Save = func(s State) error { saves = append(saves, s.Step); return nil }
	const want = "train: step 3: the learning rate is NaN, want 0 or more; no weight was changed"
	if err := tr.Run(t.Context()); err == nil || err.Error() != want || !slices.Equal(saves, []int{2}) {
		t.Errorf("error %v, saved at %d\nwant  %s", err, saves, want)
	}
	for _, rule := range []Rule{AdamW{Beta1: 1}, Lion{Beta2: math.NaN()}, EMA{}, EMA{Rule: SGD{}, Decay: 1.5}} {
		tr, _ := newToy()
		tr.Solver = &Optimizer{Rule: rule}
		if err := tr.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "want a number in [0, 1)") && !strings.Contains(err.Error(), "EMA.Rule is not set") {
			t.Errorf("%+v: %v", rule, err)
		}
	}
}
