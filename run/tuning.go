package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/train"
)

// Tuning is a fine-tuning run. Its directory has the files of any run and, for a task,
// predictions.tsv and confusion.png.
type Tuning struct {
	Job
	Recipe TunedRecipe

	// For a task: its description, the number of examples it is evaluated on, and the best epoch.
	Description finetune.Description
	Measured    int
	Best        *finetune.Evaluation

	base   *Trained
	beside string        // with adapters: what identifies the base's weights
	merged *graph.Params // of weights with adapters merged; nil before the first checkpoint
	work   tuner
}

// tuner is what the run trains for: a task, or responses to prompts.
type tuner interface {
	name() string
	// trainer makes the trainer. Its weights are those of the base model, or still to be read.
	trainer(resumed bool) error
	// observers returns observers of updates, beyond those of every run.
	observers() []train.Observer
	finish() error
}

// CreateTuned makes a new fine-tuning run in an empty or new directory; "" makes one in runs, named
// by the task and the time. The log gets the run's description and progress; nil for none.
func CreateTuned(recipe TunedRecipe, dir string, log io.Writer) (*Tuning, error) {
	return CreateTunedOn(nil, recipe, dir, log)
}

// CreateTunedOn is [CreateTuned] for processes that train together, of which only rank 0 writes,
// logs and has files; nil means this process alone. A micro-batch is at most each process's share
// of an update; the run's recipe has that number.
func CreateTunedOn(peers train.Peers, recipe TunedRecipe, dir string, log io.Writer) (*Tuning, error) {
	if err := cmp.Or(recipe.Validate(), SettlePrecision(&recipe.Precision)); err != nil {
		return nil, err
	}
	if n := size(peers); n > 1 {
		recipe.Micro = min(recipe.Micro, (recipe.Batch+n-1)/n)
	}
	t := &Tuning{Job: newJob(log, "finetune", tunedName, peers, nil), Recipe: recipe}
	if t.first() {
		if err := vacant(dir); err != nil { // before the examples are read
			return nil, err
		}
	}
	err := t.prepare(false)
	if err == nil {
		err = t.begin(dir, t.work.name(), recipe.text())
	}
	if err == nil {
		err = t.observeAll(-1)
	}
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// ResumeTuned continues a run from its latest checkpoint, as if it had never stopped.
func ResumeTuned(dir Dir, log io.Writer) (*Tuning, error) { return ResumeTunedOn(nil, dir, log) }

// ResumeTunedOn is [ResumeTuned] for processes that train together, not necessarily as many as
// before.
func ResumeTunedOn(peers train.Peers, dir Dir, log io.Writer) (*Tuning, error) {
	t := &Tuning{Job: newJob(log, "finetune", tunedName, peers, nil), Recipe: DefaultsTuned()}
	t.Dir = dir
	if err := t.resume(); err != nil {
		return nil, errors.Join(refused(err), t.Close())
	}
	return t, nil
}

func (t *Tuning) resume() error {
	if err := t.Recipe.readRun(t.Dir, size(t.peers)); err != nil {
		return t.Dir.noRun(err, tunedName)
	}
	if err := cmp.Or(t.Recipe.Validate(), SettlePrecision(&t.Recipe.Precision)); err != nil {
		return err
	}
	if exists(t.Dir.Best()) && !exists(t.Dir.Latest()) { // see forget
		return fmt.Errorf("%s: the run has finished; its result is %s", t.Dir, t.Dir.Best())
	}
	if err := t.claim(); err != nil {
		return err
	}
	if err := t.prepare(true); err != nil {
		return err
	}
	state, err := t.restore()
	if err != nil {
		return t.noCheckpoint(err)
	}
	t.text = t.Recipe.text()
	for _, e := range t.Epochs {
		t.keepBest(e)
	}
	if t.Best != nil && len(t.Best.Truth) != t.Measured { // earlier checkpoints do not identify the examples
		return fmt.Errorf("%s to measure on, where the run began with %d", plural.Of(t.Measured, "example"), len(t.Best.Truth))
	}
	return t.observeAll(state.Told())
}

// prepare reads the examples and makes the trainer.
func (t *Tuning) prepare(resumed bool) error {
	prepare := t.classify
	if t.Recipe.Pairs != "" {
		prepare = t.respond
	}
	if err := prepare(); err != nil {
		return err
	}
	if err := t.work.trainer(resumed); err != nil {
		return err
	}
	t.Trainer.Peers, t.Trainer.Tree = t.peers, !t.Recipe.Fast()
	return nil
}

func (t *Tuning) observeAll(told int) error {
	t.Trainer.SaveEvery = t.Recipe.SaveEvery
	if !t.first() {
		return nil
	}
	if err := t.observe(told, train.Machine{}); err != nil {
		return err
	}
	t.Trainer.Observers = append(t.Trainer.Observers, t.work.observers()...)
	return nil
}

// Train trains, and keeps the best weights in checkpoints/best. If an error or an interrupt ends
// it, the weights after the last update are in checkpoints/latest, from which the run can be
// resumed.
func (t *Tuning) Train(ctx context.Context) error {
	reason := t.Job.Train(ctx)
	if !t.first() {
		return reason
	}
	if reason == nil {
		if err := t.work.finish(); err != nil {
			return err
		}
		return t.forget()
	}
	s, err := t.Trainer.State()
	if err == nil && s.Step > 0 && s.Step != t.saved {
		err = t.save(s)
	}
	if err != nil {
		return fmt.Errorf("%w; the weights could not be saved either: %w", reason, err)
	}
	return reason
}

// forget removes what only a resumed run needs, which for a large model is several times its size.
func (t *Tuning) forget() error {
	if !exists(t.Dir.Best()) { // no evaluation was finite
		return nil
	}
	best, err := checkpoint.Open(t.Dir.Best())
	if err != nil {
		return err
	}
	steps, err := checkpoint.Steps(t.Dir.Checkpoints())
	if err != nil {
		return err
	}
	gone := []string{t.Dir.Latest()}
	for _, name := range []string{"trainer.json", "optimizer.safetensors", "lora.safetensors"} {
		gone = append(gone, filepath.Join(best.Path(), name))
	}
	for _, name := range steps {
		if dir := filepath.Join(t.Dir.Checkpoints(), name); name != filepath.Base(best.Path()) {
			gone = append(gone, dir)
		}
	}
	for _, path := range gone {
		err = cmp.Or(err, os.RemoveAll(path))
	}
	return err
}

// someOf draws n of the examples of a file; 0 means all.
func someOf[E any](all []E, n int, seed uint64, file string) ([]E, error) {
	if n > len(all) {
		return nil, usage.Errorf("--examples %d: %s has only %d", n, file, len(all))
	}
	if n == 0 {
		return all, nil
	}
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
	return all[:n], nil
}
