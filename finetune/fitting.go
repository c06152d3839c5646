package finetune

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/train"
)

// fitting is the [train.Task] of fitting a classifier to examples. It has the classifier's joint
// loss, and the task's metrics on the dev set.
type fitting struct {
	Settings
	c             Classifier
	params        *graph.Params
	task          tasks.Task
	training, dev []Example
	longest       int
	perEpoch      int    // updates per epoch
	identity      string // of the examples

	order   []Example // order of the current epoch; examples within past updates are sorted by length
	updates int       // handed out
	inputs  map[int]*batch
	batches []train.Batch

	predictor   *Predictor
	measuring   *train.Evaluator // the evaluator that predictor belongs to
	evaluations []Evaluation
}

// Shape returns the length of the longest sequence.
func (f *fitting) Shape() []int { return []int{f.longest} }

// Declare declares the joint loss, and its parts, for sequences of up to the given length.
func (f *fitting) Declare(s *graph.Scope, shape []int) (*G.Node, map[string]*G.Node) {
	return f.c.loss(s, f.c.inputs(s, f.Micro, shape[0]))
}

// computing returns the graph options for the run's precision.
func (f *fitting) computing() []graph.Option {
	if f.Precision == graph.Float32 {
		return nil
	}
	return []graph.Option{graph.Compute(f.Precision)}
}

// next returns the examples of the next update, from short to long. Every epoch reshuffles the
// order of the previous one.
func (f *fitting) next() []Example {
	if f.order == nil {
		f.order = slices.Clone(f.training)
	}
	at := f.updates % f.perEpoch
	if at == 0 {
		random := rand.New(rand.NewPCG(f.Seed, uint64(1+f.updates/f.perEpoch)))
		random.Shuffle(len(f.order), func(i, j int) { f.order[i], f.order[j] = f.order[j], f.order[i] })
	}
	f.updates++
	examples := f.order[at*f.Batch : min((at+1)*f.Batch, len(f.order))]
	slices.SortStableFunc(examples, func(a, b Example) int { return cmp.Compare(a.length(), b.length()) })
	return examples
}

// Update returns a rank's runs of the program for the next update.
func (f *fitting) Update(_ context.Context, rank, ranks int) ([]train.Batch, error) {
	if f.updates == f.Epochs*f.perEpoch {
		return nil, io.EOF
	}
	examples := f.next()
	runs := (len(examples) + f.Micro - 1) / f.Micro
	f.batches = f.batches[:0]
	from, to := train.Share(runs, rank, ranks)
	for i := from; i < to; i++ {
		lo := i * f.Micro
		f.batches = append(f.batches, f.batch(examples[lo:min(lo+f.Micro, len(examples))], lo))
	}
	return f.batches, nil
}

// batch returns a run of the program for some examples. place is the index, within the update, of
// the first of them.
func (f *fitting) batch(examples []Example, place int) train.Batch {
	length := roundedLength(Longest(examples), f.longest)
	b := train.Batch{Shape: []int{length}, Targets: len(examples), Place: uint64(place), Places: 1 << 20}
	for _, e := range examples {
		for _, ids := range e.Sequences {
			b.Tokens += len(ids)
		}
	}
	b.Feed = func(p *graph.Program, total int) (float64, error) {
		in := f.inputs[length]
		if in == nil {
			if f.inputs == nil {
				f.inputs = make(map[int]*batch)
			}
			in = newBatch(f.c, f.Micro, length)
			f.inputs[length] = in
		}
		if len(p.Losses())+len(p.Reports()) > 0 { // what layers add or report is a mean over this run, and is weighted by its share of the update
			in.fill(examples, len(examples))
			return float64(len(examples)) / float64(total), in.set(p)
		}
		in.fill(examples, total) // as shares of the whole update
		return 1, in.set(p)
	}
	return b
}

// position is the position in the training data.
type position struct {
	Updates  int    `json:"updates"`
	Examples string `json:"examples,omitempty"` // identifies them; earlier checkpoints do not have it
}

// State returns the number of updates handed out.
func (f *fitting) State() ([]byte, error) {
	return json.Marshal(position{f.updates, f.identity})
}

// Restore repeats the shuffles and sorts of the earlier updates.
func (f *fitting) Restore(state []byte) error {
	var p position
	if err := json.Unmarshal(state, &p); err != nil {
		return fmt.Errorf("finetune: position: %w", err)
	}
	if p.Examples != "" && p.Examples != f.identity {
		return errors.New("finetune: the examples to train or to measure on are not those that the run began with")
	}
	if p.Updates < 0 || p.Updates > f.Epochs*f.perEpoch {
		return fmt.Errorf("finetune: a position after %d updates, want 0 to %d", p.Updates, f.Epochs*f.perEpoch)
	}
	f.order, f.updates = nil, 0
	for f.updates < p.Updates {
		f.next()
	}
	return nil
}

// Validates returns true: a run always has a dev set.
func (f *fitting) Validates() bool { return true }

// Validate evaluates the task on the dev set.
func (f *fitting) Validate(ctx context.Context, e *train.Evaluator) (train.Evaluation, error) {
	if f.measuring != e {
		predictor, err := newPredictor(f.c, f.params, f.Micro, f.longest, e.Arena(), f.computing()...)
		if err != nil {
			return train.Evaluation{}, err
		}
		e.CloseLater(predictor)
		f.predictor, f.measuring = predictor, e
	}
	p, err := f.predictor.predict(ctx, f.dev, e.Rank(), e.Size())
	if err == nil {
		p, err = e.Join(p, f.c.Outputs)
	}
	if err != nil {
		return train.Evaluation{}, err
	}
	measured, err := Evaluate(f.task, f.dev, p)
	if err != nil {
		return train.Evaluation{}, err
	}
	measured.Epoch = f.updates / f.perEpoch
	f.evaluations = append(f.evaluations, measured)
	if f.Epoch != nil && e.Rank() == 0 {
		err = f.Epoch(measured)
	}
	return train.Evaluation{Loss: measured.Loss, Values: measured.Metrics}, err
}

// Better compares evaluations by the task's first metric.
func (f *fitting) Better(a, b train.Evaluation) bool {
	if len(f.task.Metrics) == 0 {
		return a.Loss < b.Loss
	}
	name := f.task.Metrics[0]
	return tasks.Better(name, a.Values[name], b.Values[name])
}
