package finetune

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"reflect"
	"runtime"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/train"
)

// numbers are the results of a run, which are compared bit for bit.
type numbers struct {
	Name          string
	Losses, Norms []float64
	Rates         []float64
	Tokens        []int64
	Dev           []float64
	Weights       string // their hash
}

// of fills in the results of a run.
func (n *numbers) of(params *graph.Params, seen []train.Step, evals []Evaluation) {
	for _, s := range seen {
		n.Losses, n.Norms = append(n.Losses, s.Loss), append(n.Norms, s.GradNorm)
		n.Rates, n.Tokens = append(n.Rates, s.LearnRate), append(n.Tokens, s.Tokens)
	}
	for _, e := range evals {
		n.Dev = append(n.Dev, e.Loss)
	}
	h := fnv.New64a()
	for _, p := range params.All() {
		for _, x := range p.Data() {
			b := math.Float32bits(x)
			h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
		}
	}
	n.Weights = fmt.Sprintf("%016x", h.Sum64())
}

// manyLengths sets up a run of a kind of task with dropout, examples of many lengths, and a
// last batch that is not full.
func manyLengths(t *testing.T, kind tasks.Kind) (Classifier, *graph.Params, tasks.Task, []Example, Settings) {
	t.Helper()
	task := tasks.Task{Kind: kind, Labels: []string{"a", "b"}, Metrics: []string{"accuracy"}}
	c := Classifier{Base: models.WithDropout(gpt2.New(11, 40, 16, 2, 2), 0.1), Kind: kind, Outputs: 2, Dropout: 0.1, Auxiliary: 0.5}
	sequences := 1
	switch kind {
	case "squared":
		c.Kind, c.Outputs, c.Squared = tasks.Classification, 1, true
		task = tasks.Task{Kind: tasks.Classification, Regression: true, Deviation: 1, Metrics: []string{"pearson"}}
	case tasks.Similarity:
		sequences = 2
		c.Base = models.WithDropout(gpt1.New(11, 40, 16, 2, 2), 0.1)
	case tasks.MultipleChoice:
		sequences = 2
	}
	params := graph.NewParams(3)
	if err := c.Declare(params); err != nil {
		t.Fatal(err)
	}
	var examples []Example
	for i := range 18 {
		x := Example{Targets: make([]float32, c.Outputs), Truth: float64(i % 2)}
		x.Targets[i%c.Outputs] = 1
		if c.Squared {
			x.Targets[0] = float32(i%5) - 2
			x.Truth = float64(x.Targets[0])
		}
		for s := range sequences {
			ids := make([]int, 3+(7*i+3*s)%35)
			for k := range ids {
				ids[k] = (k*k + i + s) % 11
			}
			x.Sequences = append(x.Sequences, ids)
		}
		examples = append(examples, x)
	}
	o := Defaults()
	o.Epochs, o.Batch, o.Micro, o.Rate, o.Warmup = 3, 5, 2, 1e-3, 0.3
	return c, params, task, examples, o
}

var allKinds = []tasks.Kind{tasks.Classification, tasks.Similarity, tasks.MultipleChoice, "squared"}

// TestSameNumbers: losses, norms, dev losses and weights are bit for bit those that this package computed
// before it became a task of train.Trainer (commit f29c52b): the order of the examples, the programs for
// their lengths and the seeds of dropout have not changed.
func TestSameNumbers(t *testing.T) {
	data, err := os.ReadFile("testdata/before.json")
	if err != nil {
		t.Fatal(err)
	}
	var before map[string][]numbers
	if err := json.Unmarshal(data, &before); err != nil {
		t.Fatal(err)
	}
	all, ok := before[kernel.ISA()]
	if !ok || runtime.GOARCH != "amd64" {
		t.Skipf("no numbers are known of %s on %s", kernel.ISA(), runtime.GOARCH)
	}
	for i, kind := range allKinds {
		c, params, task, examples, o := manyLengths(t, kind)
		var seen steps
		o.Observers = []train.Observer{&seen}
		evals, err := Run(context.Background(), c, params, task, examples[:13], examples[13:], o)
		if err != nil {
			t.Fatal(err)
		}
		got := numbers{Name: string(kind)}
		if got.of(params, seen, evals); !reflect.DeepEqual(got, all[i]) {
			t.Errorf("%s:\n%+v\nwant\n%+v", kind, got, all[i])
		}
	}
}

// errKilled ends a run as a kill does: nothing is saved.
var errKilled = fmt.Errorf("killed")

// TestResume: a run that was killed, and then resumed in another process from its last save, ends bit for bit
// like a run that was not.
func TestResume(t *testing.T) {
	for _, kind := range allKinds {
		c, params, task, examples, o := manyLengths(t, kind)
		var all steps
		o.Observers = []train.Observer{&all}
		if _, err := Run(context.Background(), c, params, task, examples[:13], examples[13:], o); err != nil {
			t.Fatal(err)
		}
		var whole, resumed numbers
		whole.of(params, all, nil)
		for _, at := range []int{4, 5, 7, 8} { // within the second and the third epoch
			var state []byte
			var moments []train.Tensor
			weights := make(map[string][]float32)
			c, params, task, examples, o := manyLengths(t, kind)
			var before, rest steps
			o.Observers = []train.Observer{&before}
			first, err := NewTrainer(c, params, task, examples[:13], examples[13:], o)
			if err != nil {
				t.Fatal(err)
			}
			killed := false
			first.SaveEvery, first.Save = 2, func(s train.State) (err error) {
				if killed {
					return errKilled
				}
				state, err = json.Marshal(s)
				moments = nil
				for _, m := range s.Solver.Tensors {
					m.Data = append([]float32(nil), m.Data...)
					moments = append(moments, m)
				}
				for _, p := range params.All() {
					weights[p.Name()] = append([]float32(nil), p.Data()...)
				}
				return err
			}
			first.Observers = append(first.Observers, train.Observer(after{at, func() error { killed = true; return errKilled }}))
			if err := first.Run(t.Context()); err == nil {
				t.Fatal("the run was not killed")
			}

			c, params, task, examples, o = manyLengths(t, kind)
			for _, p := range params.All() {
				copy(p.Data(), weights[p.Name()])
			}
			o.Observers, o.Resume = []train.Observer{&rest}, new(train.State)
			if err := json.Unmarshal(state, o.Resume); err != nil {
				t.Fatal(err)
			}
			o.Resume.Solver.Tensors = moments
			if _, err := Run(t.Context(), c, params, task, examples[:13], examples[13:], o); err != nil {
				t.Fatal(err)
			}
			resumed = numbers{}
			resumed.of(params, append(before[:rest[0].Step-1], rest...), nil)
			if !reflect.DeepEqual(resumed, whole) {
				t.Errorf("%s, killed after update %d:\n%+v\nwant\n%+v", kind, at, resumed, whole)
			}
		}
	}
	c, params, task, examples, o := manyLengths(t, tasks.Classification)
	o.Resume = &train.State{Seed: o.Seed, Stream: []byte(`{"updates":10}`), Settings: o.lines(c, 13, Longest(examples))}
	const want = "train: restore: training data: finetune: a position after 10 updates, want 0 to 9"
	if _, err := Run(t.Context(), c, params, task, examples[:13], examples[13:], o); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	o.Resume.Settings = "epochs 2"
	if _, err := Run(t.Context(), c, params, task, examples[:13], examples[13:], o); err == nil || err.Error() != `train: restore: the saved run has "epochs 2", this one "epochs 3"` {
		t.Errorf("error %v", err)
	}
}

// TestRanks: the batches of all ranks, in order, are those of one process.
func TestRanks(t *testing.T) {
	begin := func() train.Task {
		c, params, task, examples, o := manyLengths(t, tasks.Similarity)
		tr, err := NewTrainer(c, params, task, examples[:13], examples[13:], o)
		if err != nil {
			t.Fatal(err)
		}
		return tr.Task
	}
	update := func(task train.Task, rank, ranks int) (all []string) {
		batches, err := task.Update(t.Context(), rank, ranks)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			all = append(all, fmt.Sprint(b.Shape, b.Targets, b.Tokens, b.Place, b.Places))
		}
		return all
	}
	for ranks := 2; ranks <= 5; ranks++ {
		one := begin()
		var tasks []train.Task
		for range ranks {
			tasks = append(tasks, begin())
		}
		for range 9 {
			want := update(one, 0, 1)
			var got []string
			for rank, task := range tasks {
				got = append(got, update(task, rank, ranks)...)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%d ranks: %v, want %v", ranks, got, want)
			}
		}
	}
}

// TestOtherExamples: a position belongs to the examples that it identifies, if it does.
func TestOtherExamples(t *testing.T) {
	_, _, examples := few(t, false)
	f := &fitting{Settings: Settings{Epochs: 1, Batch: 2}, training: examples, perEpoch: 3, identity: identity(examples, examples[:1])}
	kept, err := f.State()
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{string(kept), `{"updates":1}`} { // earlier checkpoints do not identify them
		if err := f.Restore([]byte(state)); err != nil {
			t.Errorf("%s: %v", state, err)
		}
	}
	f.identity = identity(examples, examples[1:2])
	const want = "finetune: the examples to train or to measure on are not those that the run began with"
	if err := f.Restore(kept); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
