package finetune

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/train"
)

// few returns a classifier and examples of several lengths.
func few(t *testing.T, squared bool) (Classifier, *graph.Params, []Example) {
	t.Helper()
	c := Classifier{Base: gpt2.New(11, 24, 16, 1, 2), Kind: tasks.Classification, Outputs: 2, Auxiliary: 0.3}
	if squared {
		c.Outputs, c.Squared = 1, true
	}
	params := graph.NewParams(3)
	if err := c.Declare(params); err != nil {
		t.Fatal(err)
	}
	var examples []Example
	for i := range 5 {
		x := Example{Targets: make([]float32, c.Outputs)}
		x.Targets[i%c.Outputs] = 1 - 2*float32(i%3)*float32(2-c.Outputs) // scores, or 1
		ids := make([]int, 3+4*i)
		for k := range ids {
			ids[k] = (k*k + i) % 11
		}
		x.Sequences = [][]int{ids}
		examples = append(examples, x)
	}
	return c, params, examples
}

// steps records updates.
type steps []train.Step

func (s *steps) OnStep(step train.Step) error        { *s = append(*s, step); return nil }
func (s *steps) OnEvaluation(train.Evaluation) error { return nil }

// direct computes the loss of all examples at once, and its gradient's norm.
func direct(t *testing.T, c Classifier, params *graph.Params, examples []Example) (loss, norm float64) {
	t.Helper()
	p, err := c.Compile(params, len(examples), Longest(examples))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b := newBatch(c, len(examples), Longest(examples))
	b.fill(examples, len(examples))
	if err := b.set(p); err != nil {
		t.Fatal(err)
	}
	params.ZeroGrad()
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	for _, w := range params.All() {
		for _, g := range w.GradData() {
			norm += float64(g) * float64(g)
		}
	}
	params.ZeroGrad()
	return float64(p.Loss()), math.Sqrt(norm)
}

// TestUpdate: loss and gradient of an update are those of all its examples at once, however the update is
// split into runs. The norm is compared because Adam would hide a gradient that is twice too large.
func TestUpdate(t *testing.T) {
	for _, squared := range []bool{false, true} {
		for _, micro := range []int{1, 2, 5} {
			c, params, examples := few(t, squared)
			loss, norm := direct(t, c, params, examples)
			var seen steps
			o := Defaults()
			o.Epochs, o.Batch, o.Micro, o.Observers = 1, 5, micro, []train.Observer{&seen}
			task := tasks.Task{Regression: squared, Deviation: float64(2 - c.Outputs), Metrics: []string{"accuracy"}}
			if _, err := Run(context.Background(), c, params, task, examples, examples, o); err != nil {
				t.Fatal(err)
			}
			if len(seen) != 1 || !(math.Abs(seen[0].Loss-loss) <= 1e-5*loss) || !(math.Abs(seen[0].GradNorm-norm) <= 1e-5*norm) {
				t.Errorf("squared %v, by %d: %+v, want loss %v and norm %v", squared, micro, seen, loss, norm)
			}
		}
	}
}

// TestSquaredDifferences: the loss is a parabola in each weight of the head, so the central difference equals
// the gradient at any step size.
func TestSquaredDifferences(t *testing.T) {
	c, params, examples := few(t, true)
	p, err := c.Compile(params, len(examples), Longest(examples))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b := newBatch(c, len(examples), Longest(examples))
	b.fill(examples, len(examples))
	if err := b.set(p); err != nil {
		t.Fatal(err)
	}
	loss := func() float64 {
		params.ZeroGrad()
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		return float64(p.Loss())
	}
	for _, name := range []string{"classifier.weight", "classifier.bias"} {
		w := params.Get(name)
		loss()
		for i, got := range slices.Clone(w.GradData()) {
			const d = 0.5
			kept := w.Data()[i]
			w.Data()[i] = kept + d
			above := loss()
			w.Data()[i] = kept - d
			below := loss()
			w.Data()[i] = kept
			if want := (above - below) / (2 * d); !(math.Abs(float64(got)-want) <= 1e-4*max(1, math.Abs(want))) {
				t.Errorf("gradient of %s[%d] is %v, want %v", name, i, got, want)
			}
		}
	}
}

// TestSave: if a run has changed its weights, it saves them when it ends, early or not.
func TestSave(t *testing.T) {
	broken := errors.New("the disk is full")
	for _, c := range []struct {
		name   string
		change func(o *Settings, cancel func())
		steps  int
		want   string
	}{
		{"before", func(o *Settings, cancel func()) { cancel() }, -1, "train: interrupted after step 0 of 6: context canceled"},
		{"in the first epoch", func(o *Settings, cancel func()) {
			o.Observers = []train.Observer{after{2, func() error { cancel(); return nil }}}
		}, 2, "train: interrupted after step 2 of 6: context canceled"},
		{"while measuring", func(o *Settings, cancel func()) {
			o.Observers = []train.Observer{after{3, func() error { cancel(); return nil }}}
			o.Epoch = func(Evaluation) error { return errors.New("measured all the same") }
		}, 3, "train: interrupted after step 3 of 6: context canceled"},
		{"observer", func(o *Settings, cancel func()) {
			o.Observers = []train.Observer{after{1, func() error { return broken }}}
		}, 1, "train: step 1: the disk is full"},
		{"epoch", func(o *Settings, cancel func()) { o.Epoch = func(Evaluation) error { return broken } }, 3, "train: evaluation at step 3: the disk is full"},
		{"not a number", func(o *Settings, cancel func()) { o.Rate, o.Warmup = 1e38, 0 }, -1, "train: step 2: the loss is NaN: weight 0 of wte.weight is -Inf; no weight was changed; a lower learning rate or a longer warm-up may help"},
		{"whole", func(o *Settings, cancel func()) {}, 6, ""},
	} {
		classifier, params, examples := few(t, false)
		ctx, cancel := context.WithCancel(context.Background())
		o := Defaults()
		o.Epochs, o.Batch = 2, 2 // 3 updates per epoch
		saved := -1
		o.Save = func(s train.State) error { saved = s.Step; return nil }
		c.change(&o, cancel)
		running := graph.Running()
		_, err := Run(ctx, classifier, params, tasks.Task{Metrics: []string{"accuracy"}}, examples, examples, o)
		cancel()
		if n := graph.Running() - running; n != 0 {
			t.Errorf("%s: %d programs are not closed", c.name, n)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) || saved != c.steps {
			t.Errorf("%s: saved at step %d, %v; want %d, %s", c.name, saved, err, c.steps, c.want)
		}
	}
	classifier, params, examples := few(t, false)
	o := Defaults()
	o.Epoch = func(Evaluation) error { return broken }
	o.Save = func(train.State) error { return errors.New("there is no room") }
	if _, err := Run(context.Background(), classifier, params, tasks.Task{}, examples, examples, o); err == nil || err.Error() != "train: evaluation at step 1: the disk is full; train: saving step 1: there is no room" || !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// after calls then after the given number of updates.
type after struct {
	steps int
	then  func() error
}

func (a after) OnStep(s train.Step) error {
	if s.Step == a.steps {
		return a.then()
	}
	return nil
}
func (a after) OnEvaluation(train.Evaluation) error { return nil }

// TestAddedLossInParts: what a layer adds to the loss counts once per update, however many runs
// the update is split into.
func TestAddedLossInParts(t *testing.T) {
	var norms, values []float64
	for _, micro := range []int{5, 2} {
		c, _, examples := few(t, false)
		c.Base = models.Edit(c.Base, graph.After("h.0.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
			probe := s.Param("probe", graph.Ones(), 4)
			s.AddLoss("size", s.Node(G.Sum(s.Node(G.Square(probe)))), 0.5) // 2; the gradient has four elements of 1
			return x
		}))
		params := graph.NewParams(3)
		if err := c.Declare(params); err != nil {
			t.Fatal(err)
		}
		var seen steps
		settings := Defaults()
		settings.Epochs, settings.Batch, settings.Micro, settings.Observers = 1, 5, micro, []train.Observer{&seen}
		task := tasks.Task{Kind: tasks.Classification, Labels: []string{"a", "b"}}
		if _, err := Run(context.Background(), c, params, task, examples, examples, settings); err != nil {
			t.Fatal(err)
		}
		norms, values = append(norms, seen[0].GradNorm), append(values, seen[0].Values["h.0.mlp.size"])
	}
	if math.Abs(norms[0]-norms[1]) > 1e-4*norms[0] || math.Abs(values[0]-values[1]) > 1e-5 || values[0] == 0 {
		t.Errorf("norms %v, values %v: want the same", norms, values)
	}
}
