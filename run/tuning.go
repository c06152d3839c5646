package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/train"
)

// Tuning is a run of fine-tuning and its directory, which has finetune.toml, metrics.jsonl and
// checkpoints/best, and of a task predictions.tsv and confusion.png.
type Tuning struct {
	Recipe   TunedRecipe
	Dir      Dir
	Progress *train.Progress

	// Of a task: what it is, on how many examples it is measured, and the measures of each epoch.
	Description finetune.Description
	Measured    int
	Epochs      []finetune.Evaluation
	Best        *finetune.Evaluation

	// Of prompts and responses: the first and the last loss.
	First, Last *train.Evaluation

	log     io.Writer
	name    string
	steps   int
	base    *Trained
	work    tuner
	trainer *train.Trainer
	claimed *checkpoint.Claimed
	metrics *train.Metrics
}

// tuner is what is learned: a task, or to respond.
type tuner interface {
	train(ctx context.Context) error
}

// CreateTuned makes a new run of fine-tuning in an empty or a new directory, "" for one in runs
// that is named by the task and the time. The log is told what it is and how far; nil for none.
func CreateTuned(recipe TunedRecipe, dir string, log io.Writer) (*Tuning, error) {
	if log == nil {
		log = io.Discard
	}
	t := &Tuning{Recipe: recipe, log: log}
	if err := recipe.Validate(); err != nil {
		return nil, err
	}
	if err := vacant(dir); err != nil { // before the examples are read
		return nil, err
	}
	prepare := t.classify
	if recipe.Pairs != "" {
		prepare = t.respond
	}
	if err := prepare(); err != nil {
		return nil, err
	}
	made, claimed, err := newDir(dir, t.name)
	if err != nil {
		return nil, err
	}
	t.Dir, t.claimed = Dir(made), claimed
	if err := t.open(); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// open writes the recipe, and opens the files of the run.
func (t *Tuning) open() (err error) {
	text := t.Recipe.Settings().Text("Every setting of this run. gorgpt finetune finetune.toml repeats it.")
	if err := wholefile.Write(t.Dir.TunedPath(), text); err != nil {
		return err
	}
	t.metrics, err = train.OpenMetrics(t.Dir.MetricsPath(), -1)
	t.Progress = train.NewProgress(t.log, t.steps, train.Machine{})
	return err
}

// Train trains, and keeps the best weights in checkpoints/best. An interrupt by ctx keeps what
// there is, in checkpoints/latest.
func (t *Tuning) Train(ctx context.Context) error { return t.work.train(ctx) }

// Close ends the run's files and gives its directory back.
func (t *Tuning) Close() error {
	defer t.claimed.Release()
	if t.metrics == nil {
		return nil
	}
	return t.metrics.Close()
}

// observers are told of each update and evaluation.
func (t *Tuning) observers() []train.Observer {
	return []train.Observer{&watchDir{claimed: t.claimed}, t.metrics, t.Progress}
}

// stopped keeps the weights of a run that an error has ended, and says so.
func (t *Tuning) stopped(reason error, save func(dir string) error) error {
	s, err := t.trainer.State()
	if err == nil && s.Step > 0 {
		if err = save(t.Dir.Latest()); err == nil {
			err = t.Progress.Say(fmt.Sprintf("stopped after update %d of %d: the weights are saved in %s", s.Step, t.steps, t.Dir.Latest()))
		}
	}
	if err != nil {
		return fmt.Errorf("%w; nor could the weights be saved: %w", reason, err)
	}
	return reason
}

// checkTraining refuses a program, compiled for this alone, that takes more memory than there is.
func checkTraining(p *graph.Program, err error) error {
	if err != nil {
		return err
	}
	defer p.Close()
	return memory.CheckTraining(p)
}

// someOf draws n of the examples of a file; 0 are all.
func someOf[E any](all []E, n int, seed uint64, file string) ([]E, error) {
	if n > len(all) {
		return nil, usage.Errorf("--examples %d: %s has %d", n, file, len(all))
	}
	if n == 0 {
		return all, nil
	}
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
	return all[:n], nil
}
