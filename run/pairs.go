package run

import (
	"cmp"
	"context"
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/train"
)

// responding is the fine-tuning of a model on prompts and responses: the loss counts on the
// responses alone.
type responding struct {
	*Tuning
	learn, dev *pairs.Stream
}

// respond reads the pairs and makes the trainer.
func (t *Tuning) respond() (err error) {
	r := &responding{Tuning: t}
	t.name, t.work = "pairs", r
	if t.base, err = Load(t.Recipe.From); err != nil {
		return err
	}
	if err := r.streams(); err != nil {
		return err
	}
	run, _ := t.Recipe.runs(r.learn.Len())
	if err := checkTraining(declare(t.base.Model.WithDropout(t.Recipe.Dropout), run, r.window())); err != nil {
		return err
	}
	return r.makeTrainer()
}

// train trains.
func (r *responding) train(ctx context.Context) error {
	var seen Run
	r.trainer.Observers = append(r.observers(), (*ends)(&seen))
	err := r.trainer.Run(ctx)
	if r.First, r.Last = seen.First, seen.Last; err != nil {
		return r.stopped(err, r.saveIn)
	}
	return nil
}

// streams reads the pairs to train on and to measure on: without a file for these, every
// tenth.
func (r *responding) streams() error {
	template, err := pairs.FindTemplate(r.Recipe.Template)
	if err != nil {
		return usage.Of(err)
	}
	learn, err := pairs.Read(r.Recipe.Pairs)
	if err != nil {
		return err
	}
	var dev []pairs.Pair
	if r.Recipe.Dev != "" {
		if dev, err = pairs.Read(r.Recipe.Dev); err != nil {
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
			return fmt.Errorf("%s: too few to hold out a tenth, with %s; give --dev", r.Recipe.Pairs, plural.Of(len(learn), "pair"))
		}
	}
	if learn, err = someOf(learn, r.Recipe.Examples, r.Recipe.Seed, r.Recipe.Pairs); err != nil {
		return err
	}
	if d := r.base.Model.Dims(); r.Recipe.Context > d.Context {
		return usage.Errorf("--context %d: the model has %s", r.Recipe.Context, plural.Of(d.Context, "position"))
	}
	run, _ := r.Recipe.runs(len(learn))
	shape := pairs.Config{Batch: run, Context: r.window(), Seed: r.Recipe.Seed, Ends: r.base.Ends}
	if r.learn, err = pairs.NewStream(template.Apply(learn), r.base.Tokenizer, shape); err != nil {
		return fmt.Errorf("%s: %w", r.Recipe.Pairs, err)
	}
	shape.Once = true
	if r.dev, err = pairs.NewStream(template.Apply(dev), r.base.Tokenizer, shape); err != nil {
		return fmt.Errorf("pairs to measure on: %w", err)
	}
	fmt.Fprintf(r.log, "%s to train on from %s, %d to measure on\n", plural.Of(r.learn.Len(), "pair"), r.Recipe.Pairs, r.dev.Len())
	if n := r.learn.Cut() + r.dev.Cut(); n > 0 {
		fmt.Fprintf(r.log, "%d prompts were longer than the context of %d and lost their beginning\n", n, shape.Context)
	}
	return nil
}

// window is the most tokens of a prompt and its response.
func (r *responding) window() int { return cmp.Or(r.Recipe.Context, r.base.Model.Dims().Context) }

// runs is the number of pairs of a run of the graph, and of an update of so many of them: at
// most --micro, of one size.
func (r TunedRecipe) runs(all int) (run, update int) {
	update = min(r.Batch, all)
	run = min(r.Micro, update)
	for update%run > 0 {
		run--
	}
	return run, update
}

// makeTrainer puts the parts of the run together. The best weights on the pairs to measure on are
// kept.
func (r *responding) makeTrainer() error {
	o := r.Recipe
	restart, err := train.Restart(r.dev)
	if err != nil {
		return err
	}
	batch, update := o.runs(r.learn.Len())
	epoch := (r.learn.Len() + update - 1) / update
	r.steps = o.Epochs * epoch
	adam := &train.Optimizer{Rule: finetune.Adam, Decay: o.Decay, Clip: o.Clip}
	r.trainer = &train.Trainer{
		Task: &train.NextToken{
			Model: r.base.Model.WithDropout(o.Dropout), Train: r.learn, Validation: restart,
			Batch: batch, Context: r.window(), Accumulate: update / batch,
		},
		Params: r.base.Params, Solver: adam, Schedule: train.Linear(o.Rate, 0, int(o.Warmup*float64(r.steps)), r.steps),
		Steps: r.steps, EvalEvery: epoch, Seed: o.Seed, Save: r.save,
	}
	return nil
}

// save writes checkpoints/best where it is.
func (r *responding) save(s train.State) error {
	if s.Best == nil || s.Best.Step != s.Step {
		return nil
	}
	return r.saveIn(r.Dir.Best())
}

// saveIn writes the model and its tokenizer.
func (r *responding) saveIn(dir string) error {
	config, err := r.base.Model.JSON(r.base.Ends...)
	if err != nil {
		return err
	}
	return checkpoint.Save(dir, checkpoint.Contents{
		Config: config, Params: r.base.Params, Zeros: r.base.Model.Absent(), Tokenizer: r.base.Tokenizer.Save,
		Generation: r.base.Generation,
	})
}
