package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/train"
)

// responding is the fine-tuning of a model on prompts and responses.
type responding struct {
	*finetuning
	base  *trained
	learn *pairs.Stream
	dev   *pairs.Stream
	steps int
}

// runPairs fine-tunes on prompts and responses: the loss counts on the responses alone.
func (j *finetuning) runPairs(ctx context.Context) (err error) {
	if err := vacant(j.out); err != nil { // before the pairs are read
		return err
	}
	r := responding{finetuning: j}
	if r.base, err = load(j.from); err != nil {
		return err
	}
	if err := r.streams(); err != nil {
		return err
	}
	run, _ := r.runs(r.learn.Len())
	if err := checkTraining(declare(r.base.model.WithDropout(r.dropout), run, r.window(), true)); err != nil {
		return err
	}
	t, err := r.trainer()
	if err != nil {
		return err
	}
	release, err := j.makeOut("pairs")
	if err != nil {
		return err
	}
	defer release()
	metrics, err := train.OpenMetrics(metricsPath(j.out), -1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, metrics.Close()) }()
	progress := train.NewProgress(j.stderr, r.steps, train.Machine{})
	var seen evaluations
	t.Observers = []train.Observer{&watchDir{claimed: j.claimed}, metrics, progress, &seen}
	end := stopping(ctx, progress)
	if err = t.Run(ctx); err != nil {
		err = r.stopped(t, progress, err)
	}
	end()
	progress.Close()
	if err != nil {
		return err
	}
	fmt.Fprintf(j.stdout, "loss of responses %.4f at step %d, %.4f at step %d\n", seen.first.Loss, seen.first.Step, seen.last.Loss, seen.last.Step)
	_, err = fmt.Fprintln(j.stdout, j.out)
	return err
}

// stopped saves the weights of a run that an error has ended.
func (r *responding) stopped(t *train.Trainer, progress *train.Progress, err error) error {
	s, failed := t.State()
	if failed == nil && s.Step > 0 {
		failed = r.saveStopped(s.Step, r.steps, r.saveIn, progress)
	}
	if failed != nil {
		return fmt.Errorf("%w; nor could the weights be saved: %w", err, failed)
	}
	return err
}

// streams reads the pairs to train on and to measure on: without a file for these, every
// tenth.
func (r *responding) streams() error {
	template, err := pairs.FindTemplate(r.template)
	if err != nil {
		return usageError{err}
	}
	learn, err := pairs.Read(r.pairs)
	if err != nil {
		return err
	}
	var dev []pairs.Pair
	if r.devFile != "" {
		if dev, err = pairs.Read(r.devFile); err != nil {
			return err
		}
	} else {
		var rest []pairs.Pair
		for i, p := range learn {
			if i%10 == 9 {
				dev = append(dev, p)
			} else {
				rest = append(rest, p)
			}
		}
		if learn = rest; len(dev) == 0 {
			return fmt.Errorf("%s: too few to hold out a tenth, with %s; give --dev", r.pairs, plural.Of(len(learn), "pair"))
		}
	}
	if learn, err = someOf(learn, r.examples, r.settings.Seed, r.pairs); err != nil {
		return err
	}
	if d := r.base.model.Dims(); r.context > d.Context {
		return usagef("--context %d: the model has %s", r.context, plural.Of(d.Context, "position"))
	}
	run, _ := r.runs(len(learn))
	shape := pairs.Config{Batch: run, Context: r.window(), Seed: r.settings.Seed, Ends: r.base.ends}
	if r.learn, err = pairs.NewStream(template.Apply(learn), r.base.tokenizer, shape); err != nil {
		return fmt.Errorf("%s: %w", r.pairs, err)
	}
	shape.Once = true
	if r.dev, err = pairs.NewStream(template.Apply(dev), r.base.tokenizer, shape); err != nil {
		return fmt.Errorf("pairs to measure on: %w", err)
	}
	fmt.Fprintf(r.stderr, "%s to train on from %s, %d to measure on\n", plural.Of(r.learn.Len(), "pair"), r.pairs, r.dev.Len())
	if n := r.learn.Cut() + r.dev.Cut(); n > 0 {
		fmt.Fprintf(r.stderr, "%d prompts were longer than the context of %d and lost their beginning\n", n, shape.Context)
	}
	return nil
}

// window is the most tokens of a prompt and its response.
func (r *responding) window() int { return cmp.Or(r.context, r.base.model.Dims().Context) }

// runs is the number of pairs of a run of the graph, and of an update of so many of them: at
// most --micro, of one size.
func (r *responding) runs(all int) (run, update int) {
	update = min(r.settings.Batch, all)
	run = min(r.settings.Micro, update)
	for update%run > 0 {
		run--
	}
	return run, update
}

// trainer puts the parts of the run together. The best weights on the pairs to measure on are
// kept.
func (r *responding) trainer() (*train.Trainer, error) {
	o := r.settings
	restart, err := train.Restart(r.dev)
	if err != nil {
		return nil, err
	}
	batch, update := r.runs(r.learn.Len())
	epoch := (r.learn.Len() + update - 1) / update
	r.steps = o.Epochs * epoch
	adam := &train.Optimizer{Rule: finetune.Adam, Decay: o.Decay, Clip: o.Clip}
	schedule := train.Linear(o.Rate, 0, int(o.Warmup*float64(r.steps)), r.steps)
	return &train.Trainer{
		Model: r.base.model.WithDropout(r.dropout), Params: r.base.params,
		Train: r.learn, Validation: restart, Solver: adam, Schedule: schedule,
		Steps: r.steps, Batch: batch, Context: r.window(), Accumulate: update / batch,
		EvalEvery: epoch, Seed: o.Seed, Save: r.save,
	}, nil
}

// save writes checkpoints/best where it is.
func (r *responding) save(s train.State) error {
	if s.Best == nil || s.Best.Step != s.Step {
		return nil
	}
	return r.saveIn(filepath.Join(checkpointsDir(r.out), "best"))
}

// saveIn writes the model and its tokenizer.
func (r *responding) saveIn(dir string) error {
	config, err := r.base.model.JSON(r.base.ends...)
	if err != nil {
		return err
	}
	return checkpoint.Save(dir, checkpoint.Contents{
		Config: config, Params: r.base.params, Zeros: r.base.model.Absent(), Tokenizer: r.base.tokenizer.Save,
		Generation: r.base.generation,
	})
}

// makeOut makes the run directory, which must not hold anything, and puts the recipe there.
// Call release when the run has ended.
func (j *finetuning) makeOut(name string) (release func(), err error) {
	if j.out, j.claimed, err = newRunDir(j.out, name); err != nil {
		return nil, err
	}
	err = writeFlags(finetunePath(j.out), "Every setting of this run. gorgpt finetune finetune.toml repeats it.", j.flags, ofOneRun...)
	if err != nil {
		j.claimed.Release()
		return nil, err
	}
	return j.claimed.Release, nil
}
