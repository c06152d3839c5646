package finetune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/train"
)

// Settings are the settings of a run; [Defaults] returns the paper's.
type Settings struct {
	Epochs int
	Batch  int     // examples per update
	Micro  int     // examples per run of the graph; 0 means Batch. Smaller values need less memory
	Rate   float64 // highest learning rate
	Warmup float64 // share of the updates in which the rate rises
	Decay  float64 // weight decay, of matrices
	Clip   float64 // largest norm of the gradient
	Seed   uint64  // of the order and of dropout

	// Precision is the precision of products, in training and on the dev set; see graph.Compute.
	Precision graph.Precision

	Observers []train.Observer // told of each update, and of each epoch's evaluation
	// Epoch is called after each epoch with its evaluation; an error ends the run.
	Epoch func(Evaluation) error
	// Save is called after each epoch, and when a run that has changed the weights is ended early
	// by its context or an error; see train.Trainer. A run resumed from that state and the weights
	// at that moment has the same bits.
	Save func(train.State) error
	// Resume is a saved state, whose weights must have been restored; nil starts a new run.
	Resume *train.State
}

// Defaults returns the settings of GPT-1's fine-tuning (§4.1; warmup in 0.2 % of the updates, decay
// 0.01 and clip 1 are from OpenAI's code).
func Defaults() Settings {
	return Settings{Epochs: 3, Batch: 32, Rate: 6.25e-5, Warmup: 0.002, Decay: 0.01, Clip: 1, Seed: 42}
}

// Adam is the update rule of GPT-1's fine-tuning.
var Adam = train.AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}

// Validate reports a setting that is not valid.
func (s Settings) Validate() error {
	switch {
	case s.Epochs < 1:
		return fmt.Errorf("finetune: %d epochs, want 1 or more", s.Epochs)
	case s.Batch < 1:
		return fmt.Errorf("finetune: a batch of %d, want 1 or more", s.Batch)
	case s.Micro < 0 || s.Micro > s.Batch:
		return fmt.Errorf("finetune: %d examples at once, want 0 to the batch of %d", s.Micro, s.Batch)
	case !(s.Rate > 0):
		return fmt.Errorf("finetune: a learning rate of %v is not above 0", s.Rate)
	case !(s.Warmup >= 0 && s.Warmup <= 1):
		return fmt.Errorf("finetune: a warm-up of %v; want a share of the updates, from 0 to 1", s.Warmup)
	}
	return nil
}

// lines returns the settings that a resumed run must have too, one per line.
func (s Settings) lines(c Classifier, examples, longest int) string {
	lines := fmt.Sprintf("epochs %d\nbatch %d\nmicro %d\nrate %v\nwarmup %v\ndecay %v\nclip %v\nkind %s\noutputs %d\ndropout %v\nauxiliary %v\nexamples %d\nlongest %d\n",
		s.Epochs, s.Batch, s.Micro, s.Rate, s.Warmup, s.Decay, s.Clip, c.Kind, c.Outputs, c.Dropout, c.Auxiliary, examples, longest)
	if s.Precision != graph.Float32 { // runs from before there was a choice have no such line
		lines += fmt.Sprintf("precision %v\n", s.Precision)
	}
	return lines
}

// NewTrainer returns the trainer that [Run] runs, for callers that need more of it: a guard, hooks,
// peers. If it restores a saved run, the order of Params, and the settings, must be those of that
// run.
func NewTrainer(c Classifier, params *graph.Params, task tasks.Task, training, dev []Example, o Settings) (*train.Trainer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if len(training) == 0 || len(dev) == 0 {
		return nil, errors.New("finetune: there are no examples to train on, or none to evaluate on")
	}
	if err := cmp.Or(c.check("to train on", training), c.check("to measure on", dev)); err != nil { // one line
		return nil, err
	}
	if o.Micro == 0 {
		o.Micro = min(o.Batch, len(training))
	}
	f := &fitting{Settings: o, c: c, params: params, task: task, training: training, dev: dev, longest: Longest(training, dev), identity: identity(training, dev)}
	f.perEpoch = (len(training) + o.Batch - 1) / o.Batch
	steps := o.Epochs * f.perEpoch
	t := &train.Trainer{
		Task: f, Params: params,
		Solver:   &train.Optimizer{Rule: Adam, Decay: o.Decay, Clip: o.Clip},
		Schedule: train.Linear(o.Rate, 0, int(math.Ceil(o.Warmup*float64(steps))), steps),
		Steps:    steps, EvalEvery: f.perEpoch, EvalFrom: 1,
		Graph: f.computing(), Save: o.Save, Seed: o.Seed, Settings: o.lines(c, len(training), f.longest), Observers: o.Observers,
	}
	if o.Save != nil {
		t.Save = func(s train.State) error {
			if s.Step == 0 { // nothing to keep
				return nil
			}
			return o.Save(s)
		}
	}
	if o.Resume != nil {
		return t, t.Restore(*o.Resume)
	}
	return t, nil
}

// Run trains a classifier, whose parameters are in params, evaluates it on dev after each epoch,
// and returns the evaluations of the epochs completed in this call; a resumed run does not repeat the
// earlier ones. Each epoch goes over all training examples
// in a different order; the last batch may be smaller.
func Run(ctx context.Context, c Classifier, params *graph.Params, task tasks.Task, training, dev []Example, o Settings) ([]Evaluation, error) {
	t, err := NewTrainer(c, params, task, training, dev, o)
	if err != nil {
		return nil, err
	}
	err = t.Run(ctx)
	return t.Task.(*fitting).evaluations, err
}
