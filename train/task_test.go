package train

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// lengths is a task whose batches have several shapes and whose loss has two parts: the toy's, on sequences
// of 2 to 8 tokens, and the size of a parameter.
type lengths struct {
	next   int
	name   string // of the second part
	toy    toyStream
	bad    bool // short sequences report a value with another name
	wide   bool // short sequences have another parameter
	scalar bool // reports a value that is not a scalar
}

func newLengths() *lengths { return &lengths{name: "bias", toy: toyStream{size: 4, seed: 1}} }

func (l *lengths) Shape() []int { return []int{4, 8} }

func (l *lengths) Declare(s *graph.Scope, shape []int) (*gorgonia.Node, map[string]*gorgonia.Node) {
	loss := toyModel{dropout: 0.1}.Loss(s, s.Ints("tokens", shape...), s.Ints("targets", shape...))
	bias := s.Param("extra", graph.Normal(0.5), 3)
	if l.wide && shape[1] < 8 {
		loss = s.Node(gorgonia.Add(loss, s.Node(gorgonia.Sum(s.Param("other", graph.Ones(), 1)))))
	}
	size := s.Node(gorgonia.Sum(s.Node(gorgonia.Square(bias))))
	name := l.name
	if l.bad && shape[1] < 8 {
		name = "other"
	}
	values := map[string]*gorgonia.Node{"tokens/mean": loss, name: size}
	if l.scalar {
		values[name] = bias
	}
	return s.Node(gorgonia.Add(loss, size)), values
}

func (l *lengths) batch(i int) Batch {
	l.toy.context, l.toy.next = 2+3*(i%3), 4*i
	b, err := l.toy.Next(context.Background())
	tokens, targets := slices.Clone(b.Tokens), slices.Clone(b.Targets)
	shape := []int{b.Size, b.Context}
	return Batch{Shape: shape, Targets: len(tokens), Tokens: len(tokens), Place: uint64(i % 2), Places: 2,
		Feed: func(p *graph.Program, total int) (float64, error) {
			if err == nil {
				err = p.SetInts("tokens", tokens)
			}
			if err == nil {
				err = p.SetInts("targets", targets)
			}
			return float64(len(tokens)) / float64(total), err
		}}
}

func (l *lengths) Update(context.Context, int, int) ([]Batch, error) {
	l.next += 2
	return []Batch{l.batch(l.next - 2), l.batch(l.next - 1)}, nil
}

func (l *lengths) State() ([]byte, error)     { return json.Marshal(l.next) }
func (l *lengths) Restore(state []byte) error { return json.Unmarshal(state, &l.next) }
func (l *lengths) Validates() bool            { return true }

func (l *lengths) Validate(ctx context.Context, e *Evaluator) (Evaluation, error) {
	i := 100
	return e.Mean(ctx, func(context.Context) (Batch, error) {
		if i++; i > 106 {
			return Batch{}, io.EOF
		}
		return l.batch(i), nil
	})
}

// Better prefers later evaluations.
func (l *lengths) Better(a, b Evaluation) bool { return a.Step > b.Step }

// TestValues: what a task reports beside the loss is included in steps and evaluations, as means over the
// same targets, and in every file; Replay returns it.
func TestValues(t *testing.T) {
	dir := t.TempDir()
	metrics, err := OpenMetrics(filepath.Join(dir, "metrics.jsonl"), -1)
	if err != nil {
		t.Fatal(err)
	}
	events, err := OpenEvents(filepath.Join(dir, EventsFile), -1)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	plot := NewPlot(filepath.Join(dir, "loss.png"))
	tr, r := newToy()
	tr.Task, tr.Steps, tr.EvalEvery = newLengths(), 8, 3
	tr.Observers = append(tr.Observers, metrics, events, plot, NewProgress(&text, 8, Machine{}))
	mustRun(t, tr)
	for _, s := range r.steps {
		if sum := s.Values["tokens/mean"] + s.Values["bias"]; !(math.Abs(sum-s.Loss) <= 1e-6) || s.Values["bias"] < 0 {
			t.Errorf("step %d: loss %v, values %v", s.Step, s.Loss, s.Values)
		}
	}
	for _, e := range r.evals {
		if sum := e.Values["tokens/mean"] + e.Values["bias"]; !(math.Abs(sum-e.Loss) <= 1e-6) {
			t.Errorf("evaluation %d: loss %v, values %v", e.Step, e.Loss, e.Values)
		}
	}
	if len(r.evals) != 4 || tr.at.Best.Step != 8 {
		t.Errorf("%d evaluations, the best at %d; want 4, at 8", len(r.evals), tr.at.Best.Step)
	}
	file := readFile(t, filepath.Join(dir, "metrics.jsonl"))
	again := new(recorder)
	if err := Replay(strings.NewReader(file), again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again.steps, r.steps) || !reflect.DeepEqual(again.evals, r.evals) {
		t.Errorf("replayed\n%+v\nwant\n%+v", again.steps, r.steps)
	}
	if tags := readFile(t, filepath.Join(dir, EventsFile)); !strings.Contains(tags, "bias/train") || !strings.Contains(tags, "bias/validation") {
		t.Error("TensorBoard is not told")
	}
	if !strings.Contains(text.String(), "tokens/mean ") || len(plot.values[0]["bias"].losses) != 8 || len(plot.values[1]["bias"].losses) != 4 {
		t.Errorf("progress %q, plot %v", &text, plot.values)
	}
	if _, err := os.Stat(filepath.Join(dir, "loss.png")); err != nil {
		t.Error(err)
	}
}

// TestTaskResumes: a user-defined task with several shapes resumes bit for bit.
func TestTaskResumes(t *testing.T) {
	setup := func() (*Trainer, *recorder) {
		tr, r := newToy()
		tr.Task, tr.Steps, tr.EvalEvery = newLengths(), 9, 3
		return tr, r
	}
	whole, want := setup()
	mustRun(t, whole)
	var middle saved
	first, _ := setup()
	first.StopAfter, first.Save = 5, middle.keep(first)
	mustRun(t, first)
	second, got := setup()
	middle.restore(t, second)
	mustRun(t, second)
	for i, s := range got.steps {
		if w := want.steps[5+i]; s.Loss != w.Loss || !maps.Equal(s.Values, w.Values) {
			t.Errorf("step %d: %+v, want %+v", s.Step, s, w)
		}
	}
	if !maps.EqualFunc(weights(second.Params), weights(whole.Params), sameBits) {
		t.Error("the weights differ")
	}
}

// TestTaskErrors: what a task declares is checked.
func TestTaskErrors(t *testing.T) {
	for want, change := range map[string]func(*lengths){
		`train: a value beside the loss cannot be named "loss", which is already a key of the metrics`:                                                    func(l *lengths) { l.name = "loss" },
		`train: "a b" is not a valid name for a value: want letters, digits and _./-, a letter first`:                                                     func(l *lengths) { l.name = "a b" },
		`train: the value "bias" reported beside the loss is not a scalar`:                                                                                func(l *lengths) { l.scalar = true },
		`train: step 1: the task reports ["bias" "tokens/mean"] beside the loss, but ["other" "tokens/mean"] for batches of [4 2]`:                        func(l *lengths) { l.bad = true },
		"train: step 1: the loss of batches of [4 2] depends on other, but that of [4 8] does not: it must depend on the same parameters for all batches": func(l *lengths) { l.wide = true },
	} {
		tr, _ := newToy()
		l := newLengths()
		change(l)
		tr.Task, tr.EvalFrom = l, 1
		if err := tr.Run(t.Context()); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

// TestFrozenGroups: frozen parameters do not change by a single bit, and have neither gradient nor state; a
// frozen group must match something, and something must remain trainable.
func TestFrozenGroups(t *testing.T) {
	run := func(groups ...Group) (*Trainer, *recorder, error) {
		tr, r := newToy()
		declared(t, tr, "embed")
		tr.Solver.(*Optimizer).Groups = groups
		return tr, r, tr.Run(t.Context())
	}
	tr, r, err := run(Group{Pattern: "embed", Frozen: true}, Group{Pattern: "head.*", Rate: new(0.5)})
	if err != nil {
		t.Fatal(err)
	}
	fresh, _ := newToy()
	declared(t, fresh, "embed")
	if !sameBits(tr.Params.Get("embed").Data(), fresh.Params.Get("embed").Data()) {
		t.Error("the frozen parameter has changed")
	}
	if first, last := r.steps[0].Loss, r.steps[59].Loss; !(last < first) {
		t.Errorf("the loss went from %v to %v", first, last)
	}
	if s := tr.Solver.(*Optimizer).State(); len(s.Tensors) != 4 || len(tr.Params.ValueGrads()) != 2 {
		t.Errorf("%d tensors are kept of %d parameters, want 4 of 2", len(s.Tensors), len(tr.Params.ValueGrads()))
	}
	if fresh, _, err = run(Group{Pattern: "emb*d", Frozen: true}); err != nil || !fresh.Params.Get("embed").Frozen() {
		t.Errorf("not frozen, %v", err)
	}
	for want, groups := range map[string][]Group{
		`train: pattern "[" of a group of parameters: syntax error in pattern`:          {{Pattern: "["}},
		`train: group "embed": its factor on the learning rate is +Inf, want 0 or more`: {{Pattern: "embed", Rate: new(math.Inf(1))}},
		`train: group "embed": its decay is NaN, want a finite number`:                  {{Pattern: "embed", Decay: new(math.NaN())}},
		`train: group "wte": no trainable parameter matches`:                            {{Pattern: "wte", Frozen: true}},
		`train: group "wte": no trainable parameter matches `:                           {{Pattern: "wte"}},
	} {
		if _, _, err := run(groups...); err == nil || err.Error() != strings.TrimSpace(want) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	_, _, err = run(Group{Pattern: "*", Frozen: true})
	if want := "train: graph: the graph has no trainable parameter: it has no parameters, or all are frozen (graph.Params.Freeze)"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// TestWatch: what the options of the graph watch is included in each step, and as numbers in its metrics.
func TestWatch(t *testing.T) {
	tr, r := newToy()
	lm(tr).Model, tr.Graph, tr.Steps = layered{}, []graph.Option{graph.Watch("head")}, 3
	var watched []float32
	tr.Observers = append(tr.Observers, stepFunc(func(s Step) error {
		watched = append(watched, s.Watched[0].Data...)
		return nil
	}))
	mustRun(t, tr)
	for i, s := range r.steps {
		var squares float64
		part := watched[i*4*8*toyVocab:][:4*8*toyVocab]
		for _, x := range part {
			squares += float64(x) * float64(x)
		}
		if want := math.Sqrt(squares / float64(len(part))); !(math.Abs(s.Values["head/rms"]-want) <= 1e-9) || want == 0 {
			t.Errorf("step %d: %v, want %v", s.Step, s.Values, want)
		}
	}
}

type stepFunc func(Step) error

func (f stepFunc) OnStep(s Step) error         { return f(s) }
func (stepFunc) OnEvaluation(Evaluation) error { return nil }

// layered is the toy model with its head as a layer.
type layered struct{}

func (layered) Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node {
	x := ops.Embed(s, tokens, s.Param("embed", graph.Normal(0.5), toyVocab, 4))
	logits := s.At("head").Layer(x, tensor.Shape{x.Shape()[0], toyVocab}, func(s *graph.Scope, x *gorgonia.Node) *gorgonia.Node {
		return ops.Project(s, x, s.Param("weight", graph.Normal(0.5), toyVocab, 4))
	})
	return ops.CrossEntropy(s, logits, targets)
}

// penalized is the toy model with the size of its bias added to the loss.
type penalized struct{}

func (penalized) Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node {
	loss := toyModel{}.Loss(s, tokens, targets)
	at := s.At("penalty")
	at.AddLoss("size", at.Node(gorgonia.Sum(at.Node(gorgonia.Square(at.Param("extra", graph.Normal(0.5), 3))))), 0.5)
	return loss
}

// TestAddedLosses: what a layer adds to the loss is trained on and reported by name, as a mean over the
// micro-batches; the reported loss and evaluations do not include it.
func TestAddedLosses(t *testing.T) {
	for _, micro := range []int{1, 3} {
		tr, r := newToy()
		lm(tr).Model, lm(tr).Accumulate, lm(tr).Validation, tr.Steps = penalized{}, micro, validation, 3
		plain, want := newToy()
		lm(plain).Accumulate, lm(plain).Validation, plain.Steps = micro, validation, 3
		tr.Solver.(*Optimizer).Clip, plain.Solver.(*Optimizer).Clip = 0, 0
		mustRun(t, tr)
		mustRun(t, plain)
		for i, s := range r.steps {
			if s.Loss != want.steps[i].Loss || len(s.Values) != 1 {
				t.Errorf("%d micro-batches, step %d: loss %v and %v, want %v", micro, s.Step, s.Loss, s.Values, want.steps[i].Loss)
			}
		}
		first, last := r.steps[0].Values["penalty.size"], r.steps[2].Values["penalty.size"]
		fresh := graph.NewParams(7)
		extra, err := fresh.Declare("penalty.extra", graph.Normal(0.5), 3)
		if err != nil {
			t.Fatal(err)
		}
		size := 0.0
		for _, x := range extra.Data() {
			size += float64(x) * float64(x)
		}
		if !(math.Abs(first-size) <= 1e-6) || !(last < first) {
			t.Errorf("%d micro-batches: the penalty goes from %v to %v, want from %v", micro, first, last, size)
		}
		if len(r.evals) != 2 || r.evals[0].Values != nil {
			t.Errorf("evaluations are %+v", r.evals)
		}
	}
}

// spoiled is a task with changes to what it declares or to its batches.
type spoiled struct {
	*lengths
	declare func(s *graph.Scope, loss *gorgonia.Node, values map[string]*gorgonia.Node)
	update  func([]Batch) []Batch
}

func (t spoiled) Declare(s *graph.Scope, shape []int) (*gorgonia.Node, map[string]*gorgonia.Node) {
	loss, values := t.lengths.Declare(s, shape)
	if t.declare != nil {
		t.declare(s, loss, values)
	}
	return loss, values
}

func (t spoiled) Update(ctx context.Context, rank, ranks int) ([]Batch, error) {
	batches, err := t.lengths.Update(ctx, rank, ranks)
	if t.update != nil {
		batches = t.update(batches)
	}
	return batches, err
}

// TestInfiniteValue: a value beside the loss that is not finite does not prevent a state from being saved.
func TestInfiniteValue(t *testing.T) {
	tr, _ := newToy()
	tr.Steps = 2
	tr.Task = spoiled{lengths: newLengths(), declare: func(s *graph.Scope, loss *gorgonia.Node, values map[string]*gorgonia.Node) {
		values["log"] = s.Node(gorgonia.Log(s.Node(gorgonia.Sub(loss, loss))))
	}}
	var again State
	tr.Save = func(s State) error {
		data, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &again)
	}
	mustRun(t, tr)
	if v := again.Last.Values; !math.IsNaN(v["log"]) || v["bias"] != tr.at.Last.Values["bias"] {
		t.Errorf("%v are saved as %v", tr.at.Last.Values, v)
	}
}

// TestBatches: a task must return batches, and each must say where in the update it is.
func TestBatches(t *testing.T) {
	for want, update := range map[string]func([]Batch) []Batch{
		"train: step 1: the task returns no batches; at the end of the data, want io.EOF": func([]Batch) []Batch { return nil },
		"train: step 1: batch 2 of 2 of the task has no Feed": func(b []Batch) []Batch {
			b[1].Feed = nil
			return b
		},
		"train: step 1: batch 1 has Place 0 of 0 Places, which seed its dropout; want a Place below Places": func(b []Batch) []Batch {
			b[1].Place, b[1].Places = 0, 0
			return b
		},
	} {
		tr, _ := newToy()
		tr.Task = spoiled{lengths: newLengths(), update: update}
		if err := tr.Run(t.Context()); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
