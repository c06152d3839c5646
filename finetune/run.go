package finetune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	G "gorgonia.org/gorgonia"

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

	Observers []train.Observer // are told of each update
	// Epoch is called after each epoch with its evaluation; an error ends the run.
	Epoch func(Evaluation) error
	// Save is called when a run that has changed the weights ends early, by its context or an
	// error, with the updates made: the weights are those after the last of them.
	Save func(step int) error
}

// Defaults are the settings of GPT-1's fine-tuning (§4.1; OpenAI's code for warm-up in 0.2 %
// of the updates, decay 0.01 and clip 1).
func Defaults() Settings {
	return Settings{Epochs: 3, Batch: 32, Rate: 6.25e-5, Warmup: 0.002, Decay: 0.01, Clip: 1, Seed: 42}
}

// Adam is the rule of GPT-1's fine-tuning.
var Adam = train.AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}

// validate tells which setting cannot be.
func (s Settings) validate() error {
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

// Run trains a classifier, whose parameters are in params, on some examples, measures it on dev
// after each epoch, and returns the evaluations. An epoch goes over all examples in an order of
// its own; the last batch may be smaller.
func Run(ctx context.Context, c Classifier, params *graph.Params, task tasks.Task, training, dev []Example, o Settings) ([]Evaluation, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if len(training) == 0 || len(dev) == 0 {
		return nil, errors.New("finetune: there are no examples to train on, or none to measure on")
	}
	if o.Micro == 0 {
		o.Micro = min(o.Batch, len(training))
	}
	r := run{Settings: o, c: c, params: params, task: task, length: Longest(training, dev), began: time.Now()}
	if err := r.compile(); err != nil {
		return nil, err
	}
	defer r.programs.Close()
	predictor, err := newPredictor(c, params, r.Micro, r.length, r.programs.lender)
	if err != nil {
		return nil, err
	}
	defer predictor.Close()
	r.steps = o.Epochs * ((len(training) + o.Batch - 1) / o.Batch)
	r.schedule = train.Linear(o.Rate, 0, int(math.Ceil(o.Warmup*float64(r.steps))), r.steps)
	all, err := r.epochs(ctx, predictor, training, dev)
	if err != nil && r.step > 0 && o.Save != nil {
		if failed := o.Save(r.step); failed != nil {
			err = fmt.Errorf("%w; nor could the weights be saved: %w", err, failed)
		}
	}
	return all, err
}

// epochs trains and measures, and returns what was measured.
func (r *run) epochs(ctx context.Context, predictor *Predictor, training, dev []Example) (all []Evaluation, err error) {
	order := slices.Clone(training)
	for epoch := 1; epoch <= r.Epochs; epoch++ {
		random := rand.New(rand.NewPCG(r.Seed, uint64(epoch)))
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for lo := 0; lo < len(order); lo += r.Batch {
			if err := ctx.Err(); err != nil {
				return all, fmt.Errorf("finetune: %w", err)
			}
			if err := r.update(order[lo:min(lo+r.Batch, len(order))]); err != nil {
				return all, err
			}
		}
		p, err := predictor.predict(ctx, dev)
		if err != nil {
			return all, err
		}
		e, err := Evaluate(r.task, dev, p)
		if err != nil {
			return all, err
		}
		e.Epoch = epoch
		all = append(all, e)
		if r.Epoch != nil {
			if err := r.Epoch(e); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// run is a run in progress.
type run struct {
	Settings
	c        Classifier
	params   *graph.Params
	task     tasks.Task
	length   int
	programs *programs
	solver   *train.Optimizer
	schedule train.Schedule
	steps    int
	step     int
	tokens   int64
	began    time.Time
}

func (r *run) compile() (err error) {
	r.programs, err = newPrograms(r.c, r.Micro, r.length, nil, func(length int) (*graph.Program, *G.Node, error) {
		p, err := r.c.Compile(r.params, r.Micro, length)
		return p, nil, err
	})
	if err != nil {
		return err
	}
	r.solver = &train.Optimizer{Rule: Adam, Decay: r.Decay, Clip: r.Clip}
	return nil
}

// update changes the weights by the gradient of a batch, which it sorts by length.
func (r *run) update(examples []Example) error {
	start := time.Now()
	loss, tokens := 0.0, int64(0)
	slices.SortStableFunc(examples, func(a, b Example) int { return cmp.Compare(a.length(), b.length()) })
	for lo := 0; lo < len(examples); lo += r.Micro {
		part := examples[lo:min(lo+r.Micro, len(examples))]
		program, err := r.programs.filled(part, len(examples))
		if err != nil {
			return err
		}
		program.Seed(r.Seed, uint64(r.step)<<20+uint64(lo))
		if err := program.RunGrad(1); err != nil {
			return err
		}
		loss += float64(program.Loss())
		for _, e := range part {
			for _, ids := range e.Sequences {
				tokens += int64(len(ids))
			}
		}
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return fmt.Errorf("finetune: the loss is %v at step %d; try a smaller learning rate", loss, r.step+1)
	}
	rate := r.schedule(r.step)
	r.solver.SetLearnRate(rate)
	if err := r.solver.Step(r.params.ValueGrads()); err != nil {
		return err
	}
	r.params.ZeroGrad()
	r.step++
	r.tokens += tokens
	for _, o := range r.Observers {
		err := o.OnStep(train.Step{
			Step: r.step, Tokens: r.tokens, Loss: loss, LearnRate: rate, GradNorm: r.solver.GradNorm(),
			TokensPerSecond: float64(tokens) / time.Since(start).Seconds(), Seconds: time.Since(r.began).Seconds(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
