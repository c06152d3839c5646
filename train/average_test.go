package train

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
)

// tolAverage bounds the difference from float64 after ten updates of weights of order 1, in each of which y, x
// and z are rounded by at most 2⁻²⁴ of 4, the largest of them. 3.4e-7 was measured; the bound is twice that.
const tolAverage = 7e-7

// TestAveragesEqualTheirAuthors compares schedule-free AdamW with its authors' package, and EMA with torch's
// AveragedModel: both the weights being trained and the averages, after each update.
func TestAveragesEqualTheirAuthors(t *testing.T) {
	b, err := os.ReadFile("testdata/average.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Runs []struct {
			Rule              string
			Beta1, Decay, EMA float64
			Start             []float64
			Steps             []struct {
				Rate                   float64
				Grad, Trained, Average []float64
			}
		}
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Runs) != 5 {
		t.Fatalf("%d runs, want 5", len(golden.Runs))
	}
	for _, run := range golden.Runs {
		p := newVector("w", 2, 3)
		copyFloats(p.w, run.Start)
		o := &Optimizer{Rule: ScheduleFree{Beta1: run.Beta1, Beta2: 0.95, Epsilon: 1e-6}, Decay: run.Decay}
		if run.Rule == "ema" {
			o.Rule = EMA{SGD{Momentum: 0.9}, run.EMA}
		}
		for i, step := range run.Steps {
			copyFloats(p.g, step.Grad)
			o.SetLearnRate(step.Rate)
			if err := o.Step(valueGrads(p)); err != nil {
				t.Fatal(err)
			}
			for on, want := range map[bool][]float64{true: step.Average, false: step.Trained} {
				if err := o.Average(valueGrads(p), on); err != nil {
					t.Fatal(err)
				}
				if d := maxDiff(p.w, want); !(d <= tolAverage) {
					t.Errorf("%s, β₁ %v, decay %v, ema %v, update %d, average %v: weights differ by %.2g, want at most %g", run.Rule, run.Beta1, run.Decay, run.EMA, i+1, on, d, tolAverage)
				}
			}
			if err := o.Average(valueGrads(p), false); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// averaged are solvers that keep an average.
var averaged = map[string]func() *Optimizer{
	"schedule-free": func() *Optimizer {
		return &Optimizer{Rule: ScheduleFree{Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8}, Decay: 0.01, Clip: 1}
	},
	"EMA":         func() *Optimizer { o := NewAdamW(); o.Rule = EMA{o.Rule, 0.9}; return o },
	"EMA of Muon": func() *Optimizer { return &Optimizer{Rule: EMA{SGD{Momentum: 0.5}, 0.9}, Groups: muonGroup()} },
}

func muonGroup() []Group {
	return []Group{{Pattern: "*", Matrices: true, Rule: EMA{&Muon{Momentum: 0.9, MatchRMS: true}, 0.9}}}
}

// TestAverageIsWhatIsSeen: evaluations, Save and code after a run see the average, and that does
// not change what is trained: a run that saves and evaluates after each update has the weights of
// one that never does.
func TestAverageIsWhatIsSeen(t *testing.T) {
	for name, solver := range averaged {
		run := func(every int) (seen, trained map[string][]float32) {
			tr, r := newToy()
			tr.Solver, tr.Schedule, tr.Steps = solver(), Constant(0.02, 3), 12
			lm(tr).Validation, tr.EvalEvery, tr.SaveEvery = validation, every, every
			var last saved
			keep := last.keep(tr)
			tr.Save = func(s State) error {
				if s.Step > 0 && !s.Solver.Averaged {
					t.Errorf("%s: step %d is saved without its average", name, s.Step)
				}
				return keep(s)
			}
			tr.Observers = append(tr.Observers, atStep{7, tr.Average})
			mustRun(t, tr)
			if seen = weights(tr.Params); !maps.EqualFunc(seen, last.weights, sameBits) {
				t.Errorf("%s: what is saved is not what is there after the run", name)
			}
			if err := tr.average(tr.Params.ValueGrads(), false); err != nil {
				t.Fatal(err)
			}
			trained = weights(tr.Params)
			if maps.EqualFunc(seen, trained, sameBits) {
				t.Errorf("%s: the average is the weights themselves", name)
			}
			// The last evaluation equals the first one of a run that begins with the average.
			begun, of := newToy()
			begun.Steps, lm(begun).Validation = 1, validation
			last.declare(t, begun)
			mustRun(t, begun)
			if got, want := r.evals[len(r.evals)-1].Loss, of.evals[0].Loss; got != want {
				t.Errorf("%s: the last evaluation has loss %v, the average %v", name, got, want)
			}
			return seen, trained
		}
		seen, trained := run(1)
		again, trainedAgain := run(100)
		if !maps.EqualFunc(seen, again, sameBits) || !maps.EqualFunc(trained, trainedAgain, sameBits) {
			t.Errorf("%s: evaluations and saves change the weights", name)
		}
	}
}

// TestAverageRefusals: it is an error to take a gradient of the average, to average an average, or to restore
// a state that lacks what averaging needs.
func TestAverageRefusals(t *testing.T) {
	p := newVector("w", 2)
	o := NewScheduleFree()
	check := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want …%s", err, want)
		}
	}
	step := func() error { p.g[0] = 1; return o.Step(valueGrads(p)) }
	if err := step(); err != nil {
		t.Fatal(err)
	}
	if err := o.Average(valueGrads(p), true); err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(p.w)
	check(step(), "schedule-free AdamW: the parameters hold an average, for which no gradient may be computed: call Average with false first")
	if !sameBits(before, p.w) {
		t.Error("a refused step changes the weights")
	}
	check(o.Average([]gorgonia.ValueGrad{newVector("w", 3)}, false), "moments of w are (2), want (3)")
	check((&Optimizer{Rule: EMA{ScheduleFree{}, 0.9}}).Step(valueGrads(newVector("w", 2))), "it already keeps an average of its own")
	s := o.State()
	s.Tensors = s.Tensors[:2]
	check(NewScheduleFree().Restore(s), "restored state has .z and .exp_avg_sq of w, want .z and .exp_avg_sq and .twin")
}

// TestAverageWithPeers: ranks compute bit for bit what one process does, in the weights being trained
// and in the saved averages.
func TestAverageWithPeers(t *testing.T) {
	for name, solver := range averaged {
		one, want := newToyRank(4, false)
		one.Solver = solver()
		var kept, save saved
		one.Save = kept.keep(one)
		mustRun(t, one)
		ranks, got := newToyRanks(2, 4, false)
		for _, tr := range ranks {
			tr.Solver = solver()
		}
		ranks[0].Save = save.keep(ranks[0])
		for i, err := range runRanks(t, ranks) {
			if err != nil {
				t.Fatalf("%s: rank %d: %v", name, i, err)
			}
			if !maps.EqualFunc(weights(ranks[i].Params), weights(one.Params), sameBits) {
				t.Errorf("%s: rank %d has another average than one process", name, i)
			}
		}
		if !maps.EqualFunc(save.weights, kept.weights, sameBits) || len(save.tensors) == 0 || !slices.EqualFunc(save.tensors, kept.tensors, func(a, b Tensor) bool { return sameBits(a.Data, b.Data) }) {
			t.Errorf("%s: rank 0 saves other tensors than one process", name)
		}
		if a, b := got[0].steps, want.steps; len(a) != len(b) || a[len(a)-1].Loss != b[len(b)-1].Loss {
			t.Errorf("%s: ranks end with %+v, one process with %+v", name, a[len(a)-1], b[len(b)-1])
		}
	}
}
