package train

import (
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"gorgonia.org/gorgonia"
)

// toyEntropy is the loss of a perfect toy model: the entropy of the next token, which is the expected one
// nine times out of ten and otherwise uniform.
var toyEntropy = func() float64 {
	rare := 0.1 / toyVocab
	often := 0.9 + rare
	return -often*math.Log(often) - (toyVocab-1)*rare*math.Log(rare)
}()

func TestTrainerLearns(t *testing.T) {
	tr, r := newToy()
	tr.Steps, tr.Schedule = 400, Cosine(0.05, 0.001, 5, 400)
	lm(tr).Validation = func() (datasets.Stream, error) {
		return &toyStream{size: 4, context: 8, seed: 2, end: 400}, nil
	}
	mustRun(t, tr)
	first, last := r.evals[0].Loss, r.evals[1].Loss
	if math.Abs(first-math.Log(toyVocab)) > 0.5 { // the logits of new weights, whose deviation is ½·½·√4, are not quite 0
		t.Errorf("the first validation loss is %.3f, want about ln %d = %.3f", first, toyVocab, math.Log(toyVocab))
	}
	// With 3,200 tokens of validation, the standard error is about 0.03.
	if math.Abs(last-toyEntropy) > 0.1 {
		t.Errorf("the last validation loss is %.3f, want about the entropy %.3f", last, toyEntropy)
	}
}

func TestTrainerReports(t *testing.T) {
	tr, r := newToy()
	tr.Steps, lm(tr).Accumulate = 3, 2
	lm(tr).Validation = validation
	mustRun(t, tr)
	if want := []string{"eval", "step", "step", "step", "eval"}; !slices.Equal(r.log, want) {
		t.Errorf("reports are %v, want %v", r.log, want)
	}
	seconds := 0.0
	for i, s := range r.steps {
		if s.Step != i+1 || s.Tokens != int64(i+1)*2*4*8 || s.LearnRate != tr.Schedule(i) {
			t.Errorf("report %d is %+v", i, s)
		}
		if s.Seconds <= seconds || s.TokensPerSecond <= 0 || s.GradNorm <= 0 {
			t.Errorf("report %d has no time, speed or norm: %+v", i, s)
		}
		seconds = s.Seconds
	}
}

func TestTrainerEvaluates(t *testing.T) {
	tr, r := newToy()
	tr.Steps, tr.EvalEvery, lm(tr).EvalBatches = 10, 4, 1
	opened := []*toyStream{}
	lm(tr).Validation = func() (datasets.Stream, error) {
		s := &toyStream{size: 4, context: 8, seed: 2, end: 8}
		opened = append(opened, s)
		return s, nil
	}
	mustRun(t, tr)
	var at []int
	for _, e := range r.evals {
		at = append(at, e.Step)
	}
	if want := []int{0, 4, 8, 10}; !slices.Equal(at, want) {
		t.Errorf("evaluations at %v, want %v", at, want)
	}
	for i, s := range opened {
		if !s.closed || s.next != 4 {
			t.Errorf("stream %d: closed %v after %d sequences, want true after 4", i, s.closed, s.next)
		}
	}
	lm(tr).EvalBatches = 0
	r.evals = nil
	tr.Steps = 11
	mustRun(t, tr) // continues from step 10
	if len(r.evals) != 1 || opened[len(opened)-1].next != 8 {
		t.Errorf("evaluations are %v over %d sequences, want one over 8", r.evals, opened[len(opened)-1].next)
	}
}

func TestRestart(t *testing.T) {
	one := &toyStream{size: 4, context: 8, seed: 2, end: 8}
	again, err := Restart(one)
	if err != nil {
		t.Fatal(err)
	}
	var evals [2][]Evaluation
	for i, open := range []func() (datasets.Stream, error){validation, again} {
		tr, r := newToy()
		tr.Steps, tr.EvalEvery, lm(tr).Validation = 4, 2, open
		mustRun(t, tr)
		evals[i] = r.evals
	}
	if len(evals[0]) != 3 || !slices.EqualFunc(evals[0], evals[1], sameEvaluation) {
		t.Errorf("a restarted stream gives %v, a fresh one %v", evals[1], evals[0])
	}
	if one.closed {
		t.Error("the stream was closed")
	}
}

func TestTrainerEvaluatesWithoutDropout(t *testing.T) {
	var losses [2]float64
	for i, dropout := range []float64{0, 0.5} {
		tr, r := newToy()
		lm(tr).Model = toyModel{dropout}
		tr.Steps, lm(tr).Validation = 1, validation
		mustRun(t, tr)
		losses[i] = r.evals[0].Loss
	}
	if losses[0] != losses[1] {
		t.Errorf("the loss at step 0 is %v with dropout, %v without", losses[1], losses[0])
	}
}

// tolAccumulate bounds the difference between one batch and the mean of four micro-batches: float32 sums of
// 32 terms in a different order, over twenty updates. 2.4e-7 was measured; the bound is four times that.
const tolAccumulate = 1e-6

// TestTrainerAccumulates: the loss of an update is the mean over its targets, however they are distributed
// over the micro-batches, and so is that of an evaluation.
func TestTrainerAccumulates(t *testing.T) {
	t.Run("even", func(t *testing.T) { testAccumulates(t, false) })
	t.Run("prompts", func(t *testing.T) { testAccumulates(t, true) })
}

func testAccumulates(t *testing.T, prompts bool) {
	run := func(batch, micro int) (*recorder, map[string][]float32) {
		tr, r := newToy()
		tr.Steps, lm(tr).Batch, lm(tr).Accumulate = 20, batch, micro
		lm(tr).Train = &toyStream{size: batch, context: 8, seed: 1, prompts: prompts}
		lm(tr).Validation = func() (datasets.Stream, error) {
			return &toyStream{size: batch, context: 8, seed: 2, end: 8, prompts: prompts}, nil
		}
		mustRun(t, tr)
		return r, weights(tr.Params)
	}
	whole, w := run(4, 1)
	parts, p := run(1, 4)
	for i, e := range whole.evals {
		if d := math.Abs(e.Loss - parts.evals[i].Loss); d > tolAccumulate {
			t.Errorf("step %d: validation loss %v, and %v of micro-batches", e.Step, e.Loss, parts.evals[i].Loss)
		}
	}
	for i, s := range whole.steps {
		if d := math.Abs(s.Loss - parts.steps[i].Loss); d > tolAccumulate {
			t.Errorf("step %d: loss %v, and %v of micro-batches", s.Step, s.Loss, parts.steps[i].Loss)
		}
		if d := math.Abs(s.GradNorm - parts.steps[i].GradNorm); d > tolAccumulate {
			t.Errorf("step %d: norm %v, and %v of micro-batches", s.Step, s.GradNorm, parts.steps[i].GradNorm)
		}
	}
	for name := range w {
		for i := range w[name] {
			if d := math.Abs(float64(w[name][i] - p[name][i])); d > tolAccumulate {
				t.Fatalf("%s[%d] is %v, and %v of micro-batches", name, i, w[name][i], p[name][i])
			}
		}
	}
}

func TestTrainerSameSeedSameBits(t *testing.T) {
	run := func(seed uint64) []float64 {
		tr, r := newToy()
		lm(tr).Model, lm(tr).Accumulate, tr.Seed = toyModel{dropout: 0.2}, 2, seed
		mustRun(t, tr)
		return r.losses()
	}
	one := run(1)
	if again := run(1); !slices.Equal(one, again) {
		t.Error("the same seed gives other losses")
	}
	if other := run(2); slices.Equal(one, other) {
		t.Error("another seed of dropout gives the same losses")
	}
}

func TestTrainerSaves(t *testing.T) {
	tr, r := newToy()
	tr.Steps, tr.EvalEvery, tr.SaveEvery, lm(tr).Validation = 20, 6, 5, validation
	var steps []int
	tr.Save = func(s State) error {
		steps = append(steps, s.Step)
		if s.Steps != 20 || s.Tokens != int64(s.Step)*32 || s.Solver.Step != s.Step || len(s.Solver.Tensors) != 6 {
			t.Errorf("state is %+v", s)
		}
		return nil
	}
	mustRun(t, tr)
	want := []int{5, 10, 15, 20}
	best := math.Inf(1)
	for _, e := range r.evals[1:] {
		if e.Loss < best {
			best = e.Loss
			want = append(want, e.Step)
		}
	}
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(steps, want) {
		t.Errorf("saved at %v, want %v", steps, want)
	}
	if len(want) < 6 {
		t.Errorf("no evaluation after the first was a better one: %v", r.evals)
	}
}

func TestTrainerStopAfter(t *testing.T) {
	tr, r := newToy()
	tr.StopAfter = 7
	var steps []int
	tr.Save = func(s State) error { steps = append(steps, s.Step); return nil }
	mustRun(t, tr)
	whole, all := newToy()
	mustRun(t, whole)
	if !slices.Equal(steps, []int{7}) {
		t.Errorf("saved at %v, want 7", steps)
	}
	if len(r.steps) != 7 || !slices.Equal(r.losses(), all.losses()[:7]) || r.steps[6].LearnRate != all.steps[6].LearnRate {
		t.Error("the steps are not the first seven of the whole run")
	}
	tr.StopAfter = 0
	mustRun(t, tr)
	if !slices.Equal(r.losses(), all.losses()) {
		t.Error("running on gives other losses")
	}
}

func TestTrainerCancel(t *testing.T) {
	tr, r := newToy()
	ctx, cancel := context.WithCancel(t.Context())
	var steps []int
	tr.Save = func(s State) error { steps = append(steps, s.Step); return nil }
	tr.Observers = append(tr.Observers, atStep{5, func() error { cancel(); return nil }})
	err := tr.Run(ctx)
	if !errors.Is(err, context.Canceled) || err.Error() != "train: interrupted after step 5 of 60: context canceled" {
		t.Errorf("error is %v", err)
	}
	if len(r.steps) != 5 || !slices.Equal(steps, []int{5}) {
		t.Errorf("%d steps, saved at %v, want 5 and 5", len(r.steps), steps)
	}
}

// cancelling is a stream that cancels the run while it is read.
type cancelling struct {
	*toyStream
	at     int
	cancel func()
}

func (c *cancelling) Next(ctx context.Context) (datasets.Batch, error) {
	if c.next == c.at {
		c.cancel()
	}
	return c.toyStream.Next(ctx)
}

func TestTrainerCancelFinishesTheStep(t *testing.T) {
	tr, r := newToy()
	lm(tr).Accumulate = 3
	ctx, cancel := context.WithCancel(t.Context())
	// The second micro-batch of the third update.
	lm(tr).Train = &cancelling{lm(tr).Train.(*toyStream), (2*3 + 1) * 4, cancel}
	if err := tr.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want one of context.Canceled", err)
	}
	if len(r.steps) != 3 {
		t.Errorf("%d steps are finished, want 3", len(r.steps))
	}
}

func TestTrainerCancelInEvaluation(t *testing.T) {
	for _, at := range []int{5, 60} { // step 60 is the last
		tr, r := newToy()
		tr.EvalEvery = at
		ctx, cancel := context.WithCancel(t.Context())
		opened := 0
		lm(tr).Validation = func() (datasets.Stream, error) {
			s, _ := validation()
			if opened++; opened == 2 {
				return &cancelling{s.(*toyStream), 4, cancel}, nil
			}
			return s, nil
		}
		var steps []int
		tr.Save = func(s State) error { steps = append(steps, s.Step); return nil }
		if err := tr.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want one of context.Canceled", err)
		}
		if len(r.steps) != at || len(r.evals) != 1 || !slices.Equal(steps, []int{at}) {
			t.Errorf("%d steps, %d evaluations, saved at %v; want %d, 1, %d", len(r.steps), len(r.evals), steps, at, at)
		}
		mustRun(t, tr) // makes the evaluation
		if e := r.evals[1]; e.Step != at {
			t.Errorf("the evaluation after the interruption is at step %d, want %d", e.Step, at)
		}
	}
}

func TestTrainerCancelInTheLastStep(t *testing.T) {
	tr, r := newToy()
	ctx, cancel := context.WithCancel(t.Context())
	tr.Observers = append(tr.Observers, atStep{60, func() error { cancel(); return nil }})
	if err := tr.Run(ctx); err != nil || len(r.steps) != 60 {
		t.Errorf("error is %v after %d steps, want none after 60: there is nothing left to do", err, len(r.steps))
	}
}

func TestTrainerErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Trainer)
		is     error
		want   string
	}{
		{"model", func(t *Trainer) { lm(t).Model = nil }, nil, "train: NextToken.Model is not set"},
		{"schedule", func(t *Trainer) { t.Schedule = nil }, nil, "train: Trainer.Schedule is not set"},
		{"steps", func(t *Trainer) { t.Steps = 0 }, nil, "train: Trainer.Steps is 0, want 1 or more"},
		{"accumulate", func(t *Trainer) { lm(t).Accumulate = -1 }, nil, "train: NextToken.Accumulate is -1, want 0 or more"},
		{"shape", func(t *Trainer) { lm(t).Train = &toyStream{size: 4, context: 9} }, nil,
			"train: step 1: the stream delivers batches of (4, 9), want (4, 8)"},
		{"end", func(t *Trainer) { lm(t).Train = &toyStream{size: 4, context: 8, end: 8} }, io.EOF,
			"train: step 3 of 60: the training data ended: EOF"},
		{"observer", func(t *Trainer) { t.Observers = []Observer{atStep{2, func() error { return errTest }}} }, errTest,
			"train: step 2: a test's own error"},
		{"observer's end", func(t *Trainer) { t.Observers = []Observer{atStep{2, func() error { return io.EOF }}} }, io.EOF,
			"train: step 2: EOF"},
		{"save", func(t *Trainer) { t.Save, t.SaveEvery = func(State) error { return errTest }, 3 }, errTest,
			"train: saving step 3: a test's own error"},
		{"validation", func(t *Trainer) { lm(t).Validation = func() (datasets.Stream, error) { return nil, errTest } }, errTest,
			"train: evaluation at step 0: a test's own error"},
		{"empty validation", func(t *Trainer) {
			lm(t).Validation = func() (datasets.Stream, error) { return &toyStream{size: 4, context: 8, end: 3}, nil }
		}, nil, "train: evaluation at step 0: the validation stream is empty"},
		{"Gorgonia's AdamW", func(t *Trainer) { t.Solver = gorgonia.NewAdamW() }, nil,
			"train: gorgonia.AdamW never changes a weight (its decay works on a copy); use train.NewAdamW"},
		{"fixed rate", func(t *Trainer) { t.Solver = gorgonia.NewAdaGradSolver() }, nil,
			"train: the learning rate of *gorgonia.AdaGradSolver cannot be set; give it a method SetLearnRate(float64)"},
		{"stop", func(t *Trainer) { t.StopAfter = -1 }, nil, "train: Trainer.StopAfter is -1, want 0 or more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, _ := newToy()
			c.change(tr)
			err := tr.Run(t.Context())
			if err == nil || err.Error() != c.want || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error is %v, want %s", err, c.want)
			}
		})
	}
}

func TestTrainerSavesWhenTheDataEnds(t *testing.T) {
	tr, _ := newToy()
	lm(tr).Train = &toyStream{size: 4, context: 8, end: 8}
	var steps []int
	tr.Save = func(s State) error { steps = append(steps, s.Step); return nil }
	if err := tr.Run(t.Context()); !errors.Is(err, io.EOF) || !slices.Equal(steps, []int{2}) {
		t.Errorf("error is %v, saved at %v; want one of io.EOF, saved at 2", err, steps)
	}
}

func TestTrainerStopsAtNaN(t *testing.T) {
	tr, _ := newToy()
	tr.StopAfter = 3
	mustRun(t, tr)
	tr.StopAfter = 0
	tr.Params.Get("head.bias").Data()[2] = float32(math.NaN())
	before := weights(tr.Params)
	tr.Save = func(State) error { t.Error("a broken run is saved"); return nil }
	err := tr.Run(t.Context())
	want := "train: step 4: the loss is NaN: weight 2 of head.bias is NaN; no weight was changed; a lower learning rate or a longer warm-up may help"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
	after := weights(tr.Params)
	if !maps.EqualFunc(before, after, func(a, b []float32) bool { return sameBits(a, b) }) {
		t.Error("the weights have changed")
	}
}

// TestTrainerNamesWhereNaNBegins: if weights are finite but too large, the error names the op whose
// results are no longer finite.
func TestTrainerNamesWhereNaNBegins(t *testing.T) {
	tr, _ := newToy()
	for _, name := range []string{"embed", "head.weight"} {
		for i := range tr.Params.Get(declared(t, tr, name)).Data() {
			tr.Params.Get(name).Data()[i] = 3e38
		}
	}
	err := tr.Run(t.Context())
	want := "train: step 1: the loss is NaN: the first value that is not finite is at Linear; no weight was changed; a lower learning rate or a longer warm-up may help"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// declared declares the toy's parameters and returns name.
func declared(t *testing.T, tr *Trainer, name string) string {
	t.Helper()
	if s, _, err := tr.declare(tr.Task.Shape()); err != nil || s.Err() != nil {
		t.Fatal(err, s.Err())
	}
	return name
}

func sameEvaluation(a, b Evaluation) bool { return reflect.DeepEqual(a, b) }

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func TestTrainerTakesGorgoniasSolvers(t *testing.T) {
	for _, s := range []gorgonia.Solver{
		gorgonia.NewAdamSolver(), gorgonia.NewVanillaSolver(), gorgonia.NewMomentum(), gorgonia.NewRMSPropSolver(),
	} {
		tr, r := newToy()
		tr.Solver = s
		mustRun(t, tr)
		if first, last := r.steps[0].Loss, r.steps[59].Loss; !(last < first) {
			t.Errorf("%T: the loss went from %.3f to %.3f", s, first, last)
		}
		if r.steps[0].GradNorm <= 0 {
			t.Errorf("%T: the norm of the gradient is %v", s, r.steps[0].GradNorm)
		}
	}
}

func TestVanillaSolverFollowsTheSchedule(t *testing.T) {
	// w ← w - rate·g, with rates 0.1 and 0.2 and the same gradient.
	p := newVector("w", 2)
	copy(p.g, []float32{1, -2})
	s := gorgonia.NewVanillaSolver()
	set, err := setRate(s)
	if err != nil {
		t.Fatal(err)
	}
	set(0.25)
	if err := s.Step(valueGrads(p)); err != nil {
		t.Fatal(err)
	}
	if want := []float32{-0.25, 0.5}; !slices.Equal(p.w, want) {
		t.Errorf("weights are %v, want %v", p.w, want)
	}
}

// unused declares a parameter that the loss does not depend on.
type unused struct{ toyModel }

func (m unused) Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node {
	s.Param("idle", graph.Zeros(), 3)
	return m.toyModel.Loss(s, tokens, targets)
}

func TestTrainerReportsTheGraphsErrors(t *testing.T) {
	tr, _ := newToy()
	lm(tr).Model = unused{}
	err := tr.Run(t.Context())
	want := "train: idle: the loss does not depend on this parameter, so it would never be trained"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// TestNotInGraph: parameters that the graph does not have, such as the head of a checkpoint for other tasks, are left as they
// are: no weight decay.
func TestNotInGraph(t *testing.T) {
	tr, _ := newToy()
	other, err := tr.Params.Declare("other.weight", graph.Ones(), 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(other.Data())
	adam := tr.Solver.(*Optimizer)
	adam.Decay, adam.Groups = 0.5, []Group{{Pattern: "other.*", Decay: new(0.0)}}
	var state State
	tr.Save = func(s State) error { state = s; return nil }
	tr.Steps = 3
	mustRun(t, tr)
	// A run that an earlier version has begun has moments of it.
	for _, kept := range adamKept {
		state.Solver.Tensors = append(state.Solver.Tensors, Tensor{"other.weight." + kept, []int{3, 2}, make([]float32, 6)})
	}
	if err := tr.Restore(state); err != nil {
		t.Fatal(err)
	}
	tr.Steps = 5
	mustRun(t, tr)
	if !slices.Equal(other.Data(), before) {
		t.Errorf("a parameter that is not in the graph is %v, was %v", other.Data(), before)
	}
}
