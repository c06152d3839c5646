package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/bench"
	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

// Run is a training run and its directory. Between [Create] or [Resume] and [Run.Train] the
// trainer may be changed: by hooks and further observers.
type Run struct {
	Recipe    Recipe
	Dir       Dir
	Text      *corpus.Corpus
	Tokenizer tokenizer.Tokenizer
	Model     models.Model
	Params    *graph.Params
	Trainer   *train.Trainer
	Progress  *train.Progress

	First, Last *train.Evaluation // of the whole run so far

	log                  io.Writer
	weights              int64 // parameters
	training, validation datasets.Stream
	saved                int // step of the last checkpoint, -1 if there is none of this process
	claimed              *checkpoint.Claimed
	metrics              *train.Metrics
	events               *train.Events
}

// Options are what a recipe does not say.
type Options struct {
	Log       io.Writer // what the run is, and its progress; nil for none
	StopAfter int       // end at this step of the planned ones; 0 does not
}

// Create makes a new run in an empty or a new directory, "" for one in runs that is named by the
// model and the time. What is wrong with the recipe, the text, the model or the memory of the
// machine is found before there is a directory.
func Create(recipe Recipe, dir string, o Options) (*Run, error) {
	r := newRun(recipe, o)
	if err := r.create(dir, o); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Run) create(dir string, o Options) error {
	if err := vacant(dir); err != nil { // before a tokenizer is learned for nothing
		return err
	}
	from, err := r.begin()
	if err != nil {
		return err
	}
	if err := r.Recipe.Validate(); err != nil {
		return err
	}
	if r.Text, err = corpus.Open(r.Recipe.spec()); err != nil {
		return err
	}
	if err := r.makeModel(from); err != nil {
		return err
	}
	if err := r.prepare(o); err != nil {
		return err
	}
	made, claimed, err := newDir(dir, cmp.Or(r.Recipe.Model, filepath.Base(filepath.Clean(r.Recipe.From))))
	if err != nil {
		return err
	}
	r.Dir, r.claimed = Dir(made), claimed
	if err := wholefile.Write(r.Dir.RecipePath(), r.Recipe.Text()); err != nil {
		return err
	}
	return r.observe(-1)
}

// Resume goes on with a run from its latest checkpoint, as if it had never stopped. The recipe is
// that of the run, see [Dir.Recipe], in which only the number of steps and what does not touch
// the weights may be changed.
func Resume(dir Dir, recipe Recipe, o Options) (*Run, error) {
	r := newRun(recipe, o)
	r.Dir = dir
	err := r.resume(o)
	if err == nil {
		return r, nil
	}
	if !usage.Is(err) {
		err = fmt.Errorf("--resume: %w", err)
	}
	return nil, errors.Join(err, r.Close())
}

func (r *Run) resume(o Options) error {
	dir, recipe := r.Dir, r.Recipe
	was, err := dir.Recipe()
	if err != nil {
		return dir.NoRun(err)
	}
	if recipe.fixed() != was.fixed() {
		return usage.Errorf("--resume goes on with the run as it began: of the recipe, only %s can change", changeable)
	}
	if err := recipe.Validate(); err != nil {
		return err
	}
	if r.claimed, err = checkpoint.Claim(string(dir)); err != nil {
		return err
	}
	repaired, err := checkpoint.Repair(dir.Checkpoints())
	r.say(repaired...)
	if err != nil {
		return err
	}
	if r.Text, err = corpus.Open(recipe.spec()); err != nil {
		return err
	}
	if err := r.reopenModel(); err != nil {
		return err
	}
	if err := r.prepare(o); err != nil {
		return err
	}
	state, err := r.restore()
	if err != nil {
		return err
	}
	if err := r.checkStep(state.Step); err != nil {
		return err
	}
	if err := wholefile.Write(dir.RecipePath(), recipe.Text()); err != nil {
		return err
	}
	return r.observe(state.Told())
}

func newRun(recipe Recipe, o Options) *Run {
	return &Run{Recipe: recipe, Params: graph.NewParams(recipe.Seed), saved: -1, log: cmp.Or[io.Writer](o.Log, io.Discard)}
}

// say tells of something, a line each; nothing where there is nothing to say.
func (r *Run) say(lines ...string) {
	for _, line := range lines {
		if line != "" {
			fmt.Fprintln(r.log, line)
		}
	}
}

// checkStep tells whether there is something left to do from a step on.
func (r *Run) checkStep(step int) error {
	if step > r.Recipe.Steps {
		return usage.Errorf("--steps %d: the run is at step %d already", r.Recipe.Steps, step)
	}
	if stop := r.Trainer.StopAfter; stop > 0 && stop <= step {
		return usage.Errorf("--stop-after %d: the run is at step %d already", stop, step)
	}
	return nil
}

// prepare makes the trainer, and declares the model before anything is written: what is wrong
// with it shows here.
func (r *Run) prepare(o Options) (err error) {
	if r.Trainer, err = r.makeTrainer(o); err != nil {
		return err
	}
	program, err := declare(r.Model, r.Recipe.Batch, r.Recipe.Context)
	if err != nil {
		return err
	}
	defer program.Close()
	if err := r.Recipe.checkNoDecay(program.Nodes()); err != nil {
		return err
	}
	if err := memory.CheckTraining(program); err != nil {
		return err
	}
	if n := r.Recipe.Accumulate; n > 1 { // the tokens of an update are read first
		if err := memory.Check(fmt.Sprintf("--accumulate %d", n), 16*float64(r.Recipe.Batch)*float64(r.Recipe.Context)*float64(n)); err != nil {
			return err
		}
	}
	r.weights = graph.Sum(program.Nodes()).Params
	r.say(models.Describe(cmp.Or(r.Recipe.Model, r.Recipe.From), r.Model, r.weights), r.Text.String())
	return nil
}

// makeTrainer puts the parts of the run together.
func (r *Run) makeTrainer(o Options) (*train.Trainer, error) {
	recipe := r.Recipe
	schedule, err := recipe.MakeSchedule()
	if err != nil {
		return nil, err
	}
	solver, err := recipe.MakeSolver()
	if err != nil {
		return nil, err
	}
	training, validation, err := r.Text.Streams(r.Tokenizer, recipe.shape())
	if err != nil {
		return nil, err
	}
	r.validation = validation
	task := &train.NextToken{
		Model: r.Model, Train: training,
		Batch: recipe.Batch, Context: recipe.Context, Accumulate: recipe.Accumulate, EvalBatches: recipe.EvalBatches,
	}
	if task.ValidationStart, err = validation.State(); err == nil {
		task.Validation, err = train.Restart(validation)
	}
	r.training = training
	return &train.Trainer{
		Task: task, Params: r.Params,
		Solver: solver, Schedule: schedule, Guard: train.Guard{Deviations: recipe.SkipOutliers},
		Steps: recipe.Steps, EvalEvery: recipe.EvalEvery, SaveEvery: recipe.SaveEvery,
		Graph: recipe.options(), StopAfter: o.StopAfter, Seed: recipe.Seed, Settings: recipe.fixed(),
	}, err
}

// observe connects the trainer to the files of the run, which know what happened up to a step.
func (r *Run) observe(told int) error {
	plot := train.NewPlot(filepath.Join(string(r.Dir), "loss.png"))
	var err error
	if r.metrics, err = train.OpenMetrics(r.Dir.MetricsPath(), told); err != nil {
		return err
	}
	if r.events, err = train.OpenEvents(filepath.Join(string(r.Dir), train.EventsFile), told); err != nil {
		return err
	}
	r.Progress = train.NewProgress(r.log, r.Recipe.Steps, r.machine())
	if told >= 0 {
		r.say(r.metrics.Mended(), r.events.Mended())
		err := errors.Join(r.replay(r.events.Refill), r.replay(func(metrics io.Reader) error {
			return train.Replay(metrics, undrawn{plot}, (*ends)(r))
		}), cutSamples(r.Dir.SamplesPath(), told))
		if err != nil {
			return err
		}
	}
	r.Trainer.Observers = []train.Observer{&watchDir{claimed: r.claimed}, r.metrics, r.events, plot, r.Progress, (*ends)(r)}
	if every := r.Recipe.SampleEvery; every > 0 {
		r.Trainer.Observers = append(r.Trainer.Observers, train.Every(every, 0, r.addSample))
	}
	r.Trainer.Save = r.save
	return nil
}

// replay reads the metrics of the run so far.
func (r *Run) replay(read func(metrics io.Reader) error) error {
	f, err := os.Open(r.Dir.MetricsPath())
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

// Train trains up to the recipe's steps. An interrupt by ctx, and most failures, save the run
// first: Resume goes on with it.
func (r *Run) Train(ctx context.Context) error { return r.Trainer.Run(ctx) }

// Saved tells whether the latest checkpoint is of the step at which the run is.
func (r *Run) Saved() (step int, saved bool) {
	s, err := r.Trainer.State()
	return s.Step, err == nil && s.Step == r.saved
}

// Close ends the run's files and gives its directory back. Only of a run that was begun it is
// told what was wrong.
func (r *Run) Close() error {
	var errs []error
	if r.training != nil {
		errs = append(errs, r.training.Close())
	}
	if r.metrics != nil {
		errs = append(errs, r.metrics.Close())
	}
	if r.events != nil {
		errs = append(errs, r.events.Close())
	}
	if r.claimed != nil {
		r.claimed.Release()
	}
	return errors.Join(errs...)
}

// ends is a run as an observer that remembers the first and the last validation loss.
type ends Run

func (e *ends) OnStep(train.Step) error { return nil }

func (e *ends) OnEvaluation(v train.Evaluation) error {
	if e.First == nil {
		e.First = &v
	}
	e.Last = &v
	return nil
}

// undrawn is a plot that is told of evaluations and does not draw each.
type undrawn struct{ *train.Plot }

func (u undrawn) OnEvaluation(e train.Evaluation) error {
	u.AddEvaluation(e)
	return nil
}

// machine is what the live view measures the run against. Without a terminal nobody
// sees it, and the machine's rate is not measured.
func (r *Run) machine() train.Machine {
	if !train.IsTerminal(r.log) {
		return train.Machine{}
	}
	return train.Machine{
		FLOPs:  6 * float64(r.weights),
		Rate:   1e9 * bench.GemmRate(r.Recipe.Batch*r.Recipe.Context, r.Model.Dims().Width),
		Memory: memory.Resident,
	}
}
