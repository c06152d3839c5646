package train

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
)

// TestResume compares a run of n steps with a run of k steps, after which everything is saved and loaded into
// new objects, and n-k steps: losses, evaluations, rates, weights and moments are bit for bit the same, with
// any solver, with averages, and with a guard that skips steps.
func TestResume(t *testing.T) {
	t.Run("AdamW", func(t *testing.T) { testResume(t, func(*Trainer) {}) })
	t.Run("Lion", func(t *testing.T) {
		testResume(t, func(tr *Trainer) { tr.Solver, tr.Schedule = NewLion(), Constant(0.003, 3) })
	})
	for name, solver := range averaged {
		t.Run(name, func(t *testing.T) {
			testResume(t, func(tr *Trainer) { tr.Solver, tr.Schedule = solver(), Constant(0.02, 3) })
		})
	}
	t.Run("guard", func(t *testing.T) {
		testResume(t, func(tr *Trainer) { tr.Guard = Guard{Deviations: 1, Window: 4} })
	})
}

func testResume(t *testing.T, vary func(*Trainer)) {
	setup := func() (*Trainer, *recorder) {
		tr, r := newToy()
		vary(tr)
		lm(tr).Model = toyModel{dropout: 0.1}
		tr.Steps, lm(tr).Accumulate, tr.EvalEvery, lm(tr).Validation = 24, 2, 6, validation
		return tr, r
	}
	var want saved
	whole, all := setup()
	whole.Save = want.keep(whole)
	mustRun(t, whole)
	if n := whole.at.Guard.Skipped; (n > 0) != (whole.Guard.Deviations > 0) {
		t.Errorf("%d steps skipped", n)
	}

	for _, k := range []int{1, 6, 11, 23} {
		for _, how := range []string{"StopAfter", "cancel"} {
			t.Run(fmt.Sprint(how, " ", k), func(t *testing.T) {
				var middle, end saved
				first, r1 := setup()
				first.Save = middle.keep(first)
				if how == "StopAfter" {
					first.StopAfter = k
					mustRun(t, first)
				} else {
					ctx, cancel := context.WithCancel(t.Context())
					first.Observers = append(first.Observers, atStep{k, func() error { cancel(); return nil }})
					if err := first.Run(ctx); err == nil {
						t.Fatal("a cancelled run returns no error")
					}
				}

				second, r2 := setup()
				middle.restore(t, second)
				second.Save = end.keep(second)
				mustRun(t, second)

				if len(r1.steps) != k || len(r2.steps) != 24-k {
					t.Fatalf("%d and %d steps, want %d and %d", len(r1.steps), len(r2.steps), k, 24-k)
				}
				for i, s := range slices.Concat(r1.steps, r2.steps) {
					w := all.steps[i]
					s.Seconds, s.TokensPerSecond, w.Seconds, w.TokensPerSecond = 0, 0, 0, 0
					if !reflect.DeepEqual(s, w) {
						t.Errorf("step %d is %+v, want %+v", i+1, s, w)
					}
				}
				if got := slices.Concat(r1.evals, r2.evals); !slices.EqualFunc(got, all.evals, sameEvaluation) {
					t.Errorf("evaluations are %v, want %v", got, all.evals)
				}
				if !maps.EqualFunc(end.weights, want.weights, sameBits) {
					t.Error("the last weights differ")
				}
				if len(end.tensors) != len(want.tensors) {
					t.Errorf("%d tensors of the solver, want %d", len(end.tensors), len(want.tensors))
				}
				for _, x := range want.tensors {
					i := slices.IndexFunc(end.tensors, func(y Tensor) bool { return x.Name == y.Name })
					if i < 0 || !sameBits(x.Data, end.tensors[i].Data) {
						t.Errorf("%s is missing or differs", x.Name)
					}
				}
				if a, b := stateOf(t, end), stateOf(t, want); a.Best.Step != b.Best.Step || a.Best.Loss != b.Best.Loss || string(a.Stream) != string(b.Stream) {
					t.Errorf("the last state is %+v, want %+v", a, b)
				}
				if r2.steps[0].Seconds <= r1.steps[k-1].Seconds {
					t.Error("the clock does not go on")
				}
			})
		}
	}
}

func TestRestoreOfAFinishedRun(t *testing.T) {
	var c saved
	tr, _ := newToy()
	tr.Steps, lm(tr).Validation, tr.Save = 3, validation, c.keep(tr)
	mustRun(t, tr)
	again, r := newToy()
	again.Steps, lm(again).Validation = 3, validation
	c.restore(t, again)
	again.Save = func(State) error { t.Error("saved again"); return nil }
	mustRun(t, again)
	if len(r.log) != 0 {
		t.Errorf("a finished run does %v", r.log)
	}
}

func TestRestoreErrors(t *testing.T) {
	var c saved
	tr, _ := newToy()
	tr.StopAfter, tr.Save = 3, c.keep(tr)
	mustRun(t, tr)
	good := stateOf(t, c)
	for _, x := range []struct {
		change func(*Trainer, *State)
		want   string
	}{
		{func(t *Trainer, s *State) { t.Seed = 4 }, "train: restore: the saved run has seed 3, this one 4"},
		{func(t *Trainer, s *State) { lm(t).Batch = 2 }, "train: restore: the saved run has batch 4, this one 2"},
		{func(t *Trainer, s *State) { lm(t).Context = 2 }, "train: restore: the saved run has context 8, this one 2"},
		{func(t *Trainer, s *State) { lm(t).Accumulate = 2 }, "train: restore: the saved run has accumulate 1, this one 2"},
		{func(t *Trainer, s *State) { s.Settings, t.Settings = "lr = 1\nheads = 2\n", "lr = 1\nheads = 4\n" }, `train: restore: the saved run has "heads = 2", this one "heads = 4"`},
		{func(t *Trainer, s *State) {
			s.Settings, t.Settings = "lr = 1\nprecision = bf16\nheads = 2\n", "lr = 1\nheads = 2\n"
		}, `train: restore: the saved run has "precision = bf16", this one ""`},
		{func(t *Trainer, s *State) { s.Settings, t.Settings = "lr = 1\n", "lr = 1\nheads = 4\n" }, `train: restore: the saved run has "", this one "heads = 4"`},
		{func(t *Trainer, s *State) { s.Step = -1 }, "train: restore: step -1 with 96 tokens, want 0 or more"},
		{func(t *Trainer, s *State) { s.Stream = []byte("x") }, "train: restore: training data: state of 1 bytes, want 8"},
		{func(t *Trainer, s *State) { s.Solver.Tensors = s.Solver.Tensors[1:] },
			"train: restore: AdamW: restored state has .exp_avg_sq of embed, want .exp_avg and .exp_avg_sq"},
		{func(t *Trainer, s *State) { t.Solver = gorgonia.NewAdamSolver() },
			"train: restore: the state of *gorgonia.AdamSolver cannot be restored; use train.NewAdamW"},
	} {
		to, _ := newToy()
		s := good
		x.change(to, &s)
		if err := to.Restore(s); err == nil || err.Error() != x.want {
			t.Errorf("error is %v, want %s", err, x.want)
		}
	}
	to, _ := newToy()
	to.StopAfter = 3
	if err := to.Restore(good); err != nil {
		t.Fatal(err)
	}
	want := "train: the run is at step 3 already, and is to stop after 3"
	if err := to.Run(t.Context()); err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
	to.StopAfter, to.Steps = 0, 2
	want = "train: the run is at step 3 already, beyond the 2 that are planned"
	if err := to.Run(t.Context()); err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}
