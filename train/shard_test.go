package train

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"gorgonia.org/gorgonia"
)

// floatsOf counts the numbers that an optimizer has in memory.
func floatsOf(o *Optimizer) (n int) {
	for _, s := range o.slots {
		for _, k := range s.kept {
			n += len(k)
		}
	}
	return n
}

// TestShardedFailure: if an observer fails, ranks that each keep a part of the solver's state save it
// together, and a run that resumes from there ends bit for bit like one in which nothing failed.
func TestShardedFailure(t *testing.T) {
	ranks := func() []*Trainer {
		all, _ := newToyRanks(2, 4, false)
		for _, tr := range all {
			tr.Solver, tr.ShardSolver = NewAdamW(), true
		}
		return all
	}
	run := func(all []*Trainer) []error {
		t.Helper()
		errs := runRanks(t, all)
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
		return errs
	}
	whole := ranks()
	run(whole)
	every, last := whole[0].EvalEvery, whole[0].Steps
	failing := func() error { return errTest }
	for _, c := range []struct {
		name  string
		spoil func(all []*Trainer)
		step  int // the step that is saved
	}{
		{"first step", func(all []*Trainer) { all[0].Observers = append(all[0].Observers, atStep{1, failing}) }, 1},
		{"step", func(all []*Trainer) { all[0].Observers = append(all[0].Observers, atStep{7, failing}) }, 7},
		{"step before an evaluation", func(all []*Trainer) { all[0].Observers = append(all[0].Observers, atStep{every, failing}) }, every},
		{"last step", func(all []*Trainer) { all[0].Observers = append(all[0].Observers, atStep{last, failing}) }, last},
		{"evaluation", func(all []*Trainer) { all[0].Observers = append(all[0].Observers, atEvaluation(every)) }, every},
		{"last evaluation", func(all []*Trainer) { all[0].Observers = append(all[0].Observers, atEvaluation(last)) }, last},
		{"step with a save", func(all []*Trainer) {
			for _, tr := range all {
				tr.SaveEvery = 3
			}
			all[0].Observers = append(all[0].Observers, atStep{3, failing})
		}, 3},
		{"hook", func(all []*Trainer) {
			for _, tr := range all {
				tr.Hooks = append(tr.Hooks, failingHook{tr == all[1], 6})
			}
		}, 5},
		{"data after a save", func(all []*Trainer) {
			lm(all[1]).Train = &breakingAfter{lm(all[1]).Train.(*toyStream), 4 * 4 * every}
		}, every},
	} {
		all := ranks()
		var kept saved
		all[0].Save = kept.keep(all[0])
		c.spoil(all)
		errs := runRanks(t, all)
		if errs[0] == nil || errs[1] == nil || kept.state == nil || stateOf(t, kept).Step != c.step {
			t.Fatalf("%s: %v; saved %.100s", c.name, errs, kept.state)
		}
		on := ranks()
		for _, tr := range on {
			kept.restore(t, tr)
		}
		run(on)
		if !maps.EqualFunc(weights(on[0].Params), weights(whole[0].Params), sameBits) {
			t.Errorf("%s: other weights than of a run in which nothing failed", c.name)
		}
	}
}

// failingHook fails at an update, on one rank.
type failingHook struct {
	here bool
	at   int
}

func (h failingHook) BeforeUpdate(u *Update) error {
	if h.here && u.Step+1 == h.at {
		return errTest
	}
	return nil
}

// TestShardSolver: ranks that each keep a part of the solver's state compute bit for bit what one process
// does, in the weights and in what is saved, from which any number of ranks can resume. No rank keeps more in
// memory than was computed in advance.
func TestShardSolver(t *testing.T) {
	solvers := map[string]func() *Optimizer{
		"AdamW": NewAdamW, "Lion": NewLion, "Muon": func() *Optimizer { return NewMuon("head.*") },
		"SGD": func() *Optimizer { return &Optimizer{Rule: SGD{Momentum: 0.9}} },
	}
	for name, solver := range solvers {
		one, _ := newToyRank(8, false)
		one.Solver = solver()
		var kept saved
		one.Save = kept.keep(one)
		mustRun(t, one)
		for _, ranks := range []int{1, 2, 3, 4} {
			name := fmt.Sprintf("%s, %d ranks", name, ranks)
			var half, whole saved
			all, _ := newToyRanks(ranks, 8, false)
			for _, tr := range all {
				tr.Solver, tr.ShardSolver, tr.StopAfter = solver(), true, 5
			}
			all[0].Save = half.keep(all[0])
			for i, err := range runRanks(t, all) {
				if err != nil {
					t.Fatalf("%s: rank %d: %v", name, i, err)
				}
			}
			most, sum := 0, 0
			for _, tr := range all {
				n := floatsOf(tr.Solver.(*Optimizer))
				most, sum = max(most, n), sum+n
			}
			computed, err := solver().KeptOfShards(all[0].Params, ranks)
			of, err2 := solver().Kept(all[0].Params)
			if err != nil || err2 != nil || int(computed) != most || int(of) != sum {
				t.Errorf("%s: %d numbers of %d on a rank, computed %d of %d; %v, %v", name, most, sum, computed, of, err, err2)
			}
			if n, err := solver().KeptOfShards(all[0].Params, 1<<40); err != nil || n < 1 || n > computed {
				t.Errorf("%s: %d numbers on a rank of many, %v; want 1 to %d", name, n, err, computed)
			}
			all, _ = newToyRanks(5-ranks, 8, false) // resume with another number of ranks
			for _, tr := range all {
				tr.Solver, tr.ShardSolver = solver(), true
				half.restore(t, tr)
			}
			all[0].Save = whole.keep(all[0])
			for i, err := range runRanks(t, all) {
				if err != nil {
					t.Fatalf("%s: rank %d: %v", name, i, err)
				}
				if !maps.EqualFunc(weights(all[i].Params), weights(one.Params), sameBits) {
					t.Errorf("%s: rank %d has other weights than one process", name, i)
				}
			}
			if !maps.EqualFunc(whole.weights, kept.weights, sameBits) || !slices.EqualFunc(whole.tensors, kept.tensors, func(a, b Tensor) bool {
				return a.Name == b.Name && slices.Equal(a.Shape, b.Shape) && sameBits(a.Data, b.Data)
			}) {
				t.Errorf("%s: rank 0 saves something else than one process", name)
			}
		}
	}
}

// TestShardSolverHooks: hooks see the whole gradient on every rank.
func TestShardSolverHooks(t *testing.T) {
	norms := func(to *[]float64) Hook {
		return HookFunc(func(u *Update) error {
			norm, err := gradNorm(u.Model)
			*to = append(*to, norm, u.Norm)
			return err
		})
	}
	one, _ := newToyRank(8, false)
	var want []float64
	one.Hooks = []Hook{norms(&want)}
	mustRun(t, one)
	all, _ := newToyRanks(2, 8, false)
	seen := make([][]float64, len(all))
	for i, tr := range all {
		tr.ShardSolver, tr.Hooks = true, []Hook{norms(&seen[i])}
	}
	for i, err := range runRanks(t, all) {
		if err != nil || !slices.Equal(seen[i], want) {
			t.Errorf("rank %d: %v, want %v; %v", i, seen[i], want, err)
		}
	}
}

// other is a solver that cannot be sharded.
type other struct{ gorgonia.Solver }

func (other) SetLearnRate(float64) {}

// TestShardSolverErrors: a solver that cannot be sharded gives an error that says so.
func TestShardSolverErrors(t *testing.T) {
	for want, solver := range map[string]func() gorgonia.Solver{ // each rank has its own
		"train: Trainer.ShardSolver: schedule-free AdamW keeps an average of the weights, which all ranks need": func() gorgonia.Solver { return NewScheduleFree() },
		"train: Trainer.ShardSolver is for an Optimizer, not train.other":                                       func() gorgonia.Solver { return other{gorgonia.NewVanillaSolver()} },
	} {
		all, _ := newToyRanks(2, 2, false)
		for _, tr := range all {
			tr.Solver, tr.ShardSolver = solver(), true
		}
		for i, err := range runRanks(t, all) {
			if err == nil || err.Error() != want {
				t.Errorf("rank %d: %v, want %s", i, err, want)
			}
		}
	}
}

// TestOwners: parameters are assigned to ranks so that no rank has much more than another.
func TestOwners(t *testing.T) {
	ps := graph.NewParams(1)
	s := graph.New(ps)
	var all []*graph.Param
	for i, n := range []int{7, 1, 6, 3, 2, 5} {
		s.Param(fmt.Sprint("p", i), graph.Zeros(), n)
	}
	all = ps.All()
	if got := owners(all, 3); !maps.Equal(got, map[string]int{"p0": 0, "p2": 1, "p5": 2, "p3": 2, "p4": 1, "p1": 0}) {
		t.Error(got)
	}
	if got := owners(all, 1); len(got) != 6 || got["p5"] != 0 {
		t.Error(got)
	}
}
