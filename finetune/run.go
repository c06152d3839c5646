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

// Settings are those of a run; [Defaults] are the paper's.
type Settings struct {
	Epochs int
	Batch  int     // examples of an update
	Micro  int     // examples of a run of the graph; 0: Batch. Smaller needs less memory
	Rate   float64 // highest learning rate
	Warmup float64 // share of the updates in which the rate climbs
	Decay  float64 // of matrices
	Clip   float64 // largest norm of the gradient
	Seed   uint64  // of the order and of dropout

	// Precision is that of products, in training and on the dev set; see graph.Compute.
	Precision graph.Precision

	Observers []train.Observer // are told of each update, and of each epoch's evaluation
	// Epoch is called after each epoch with its evaluation; an error ends the run.
	Epoch func(Evaluation) error
	// Save is called after each epoch, and when a run that has changed the weights ends early, by
	// its context or an error; see train.Trainer. From the state and the weights at that moment,
	// a run goes on to the same bits.
	Save func(train.State) error
	// Resume is a state that was saved, with the weights put back; nil begins.
	Resume *train.State
}

// Defaults are the settings of GPT-1's fine-tuning (§4.1; OpenAI's code for warm-up in 0.2 %
// of the updates, decay 0.01 and clip 1).
func Defaults() Settings {
	return Settings{Epochs: 3, Batch: 32, Rate: 6.25e-5, Warmup: 0.002, Decay: 0.01, Clip: 1, Seed: 42}
}

// Adam is the rule of GPT-1's fine-tuning.
var Adam = train.AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}

// Validate tells which setting cannot be.
func (s Settings) Validate() error {
	switch {
	case s.Epochs < 1:
		return fmt.Errorf("finetune: %d epochs, want 1 or more", s.Epochs)
	case s.Batch < 1:
		return fmt.Errorf("finetune: a batch of %d, want 1 or more", s.Batch)
	case s.Micro < 0 || s.Micro > s.Batch:
		return fmt.Errorf("finetune: %d examples at once of a batch of %d", s.Micro, s.Batch)
	case !(s.Rate > 0):
		return fmt.Errorf("finetune: a learning rate of %v is not above 0", s.Rate)
	case !(s.Warmup >= 0 && s.Warmup <= 1):
		return fmt.Errorf("finetune: a warm-up of %v is no share of the updates", s.Warmup)
	}
	return nil
}

// lines are what makes a run what it is.
func (s Settings) lines(c Classifier, examples, longest int) string {
	lines := fmt.Sprintf("epochs %d\nbatch %d\nmicro %d\nrate %v\nwarmup %v\ndecay %v\nclip %v\nkind %s\noutputs %d\ndropout %v\nauxiliary %v\nexamples %d\nlongest %d\n",
		s.Epochs, s.Batch, s.Micro, s.Rate, s.Warmup, s.Decay, s.Clip, c.Kind, c.Outputs, c.Dropout, c.Auxiliary, examples, longest)
	if s.Precision != graph.Float32 { // runs of before there was another have no such line
		lines += fmt.Sprintf("precision %v\n", s.Precision)
	}
	return lines
}

// NewTrainer returns what [Run] runs, for those who want more of it: a guard, hooks, peers. The
// order of Params and settings must be those of the saved run, if it restores one.
func NewTrainer(c Classifier, params *graph.Params, task tasks.Task, training, dev []Example, o Settings) (*train.Trainer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if len(training) == 0 || len(dev) == 0 {
		return nil, errors.New("finetune: there are no examples to train on, or none to measure on")
	}
	if err := cmp.Or(c.check("to train on", training), c.check("to measure on", dev)); err != nil { // one line
		return nil, err
	}
	if o.Micro == 0 {
		o.Micro = min(o.Batch, len(training))
	}
	f := &fitting{Settings: o, c: c, params: params, task: task, training: training, dev: dev, longest: Longest(training, dev)}
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

// Run trains a classifier, whose parameters are in params, on some examples, measures it on dev
// after each epoch, and returns the evaluations of the epochs that it has ended. An epoch goes
// over all examples in an order of its own; the last batch may be smaller.
func Run(ctx context.Context, c Classifier, params *graph.Params, task tasks.Task, training, dev []Example, o Settings) ([]Evaluation, error) {
	t, err := NewTrainer(c, params, task, training, dev, o)
	if err != nil {
		return nil, err
	}
	err = t.Run(ctx)
	return t.Task.(*fitting).evaluations, err
}
