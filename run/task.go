package run

import (
	"cmp"
	"context"
	"fmt"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/train"
)

// classifying is the fine-tuning of a model on a task.
type classifying struct {
	*Tuning
	task             tasks.Task
	dev              tasks.Set
	trained          *finetune.Trained
	learned, checked []finetune.Example
	settings         finetune.Settings
}

// classify reads the examples and makes the classifier.
func (t *Tuning) classify() error {
	c := &classifying{Tuning: t}
	task, learn, dev, err := t.read()
	if err != nil {
		return err
	}
	c.task, c.dev, t.work, t.name = task, dev, c, task.Name
	if t.base, err = Load(t.Recipe.From); err != nil {
		return err
	}
	if err := c.encode(learn); err != nil {
		return err
	}
	r := t.Recipe
	c.settings = finetune.Settings{
		Epochs: r.Epochs, Batch: r.Batch, Micro: min(r.Micro, r.Batch, len(c.learned)),
		Rate: r.Rate, Warmup: r.Warmup, Decay: r.Decay, Clip: r.Clip, Seed: r.Seed,
	}
	t.steps = r.Epochs * ((len(c.learned) + r.Batch - 1) / r.Batch)
	t.Description, t.Measured = c.trained.Description, len(dev.Examples)
	return checkTraining(c.trained.Classifier.Compile(graph.NewParams(0), c.settings.Micro, finetune.Longest(c.learned, c.checked)))
}

// encode makes the classifier and its examples, in tokens.
func (c *classifying) encode(learn tasks.Set) error {
	d, r := c.base.Model.Dims(), c.Recipe
	if r.Context > d.Context {
		return usage.Errorf("--context %d: the model has %d positions", r.Context, d.Context)
	}
	context := cmp.Or(r.Context, d.Context)
	encoder, err := finetune.NewEncoder(c.base.Tokenizer, context)
	if err != nil {
		return err
	}
	if c.learned, err = encoder.Examples(c.task, learn); err != nil {
		return err
	}
	if c.checked, err = encoder.Examples(c.task, c.dev); err != nil {
		return err
	}
	if encoder.Truncated > 0 {
		fmt.Fprintf(c.log, "%d texts were longer than the context of %d and cut\n", encoder.Truncated, context)
	}
	d.Vocab = max(d.Vocab, encoder.Tokenizer.Size())
	classifier := finetune.NewClassifier(c.base.Model.WithDims(d).WithDropout(r.Dropout), c.task, finetune.Outputs(c.task, learn))
	classifier.Dropout, classifier.Auxiliary = r.Dropout, r.Auxiliary
	c.trained = &finetune.Trained{
		Description: finetune.Describe(c.task, classifier.Outputs, context), Classifier: classifier,
		Params: graph.NewParams(r.Seed), Encoder: encoder,
	}
	if err := classifier.Declare(c.trained.Params); err != nil || r.Fresh {
		return err
	}
	return finetune.Extend(c.trained.Params, c.base.Params)
}

// train trains, and measures after each epoch.
func (c *classifying) train(ctx context.Context) (err error) {
	o := c.settings
	o.Observers, o.Epoch = c.observers(), c.measured
	o.Observers[len(o.Observers)-1] = updatesOf{c.Progress} // an epoch has a line of its own
	if c.trainer, err = finetune.NewTrainer(c.trained.Classifier, c.trained.Params, c.task, c.learned, c.checked, o); err != nil {
		return err
	}
	if err := c.trainer.Run(ctx); err != nil {
		return c.stopped(err, c.trained.Save)
	}
	return c.writePredictions(c.dev)
}

// updatesOf is progress that is not told of evaluations.
type updatesOf struct{ *train.Progress }

func (updatesOf) OnEvaluation(train.Evaluation) error { return nil }

// measured notes how an epoch has ended, and saves the best.
func (c *classifying) measured(e finetune.Evaluation) error {
	c.Epochs = append(c.Epochs, e)
	text := ""
	for _, name := range c.task.Metrics {
		text += fmt.Sprintf(", %s %.4f", MetricName(name, c.task.Labels), e.Metrics[name])
	}
	if err := c.Progress.Say(fmt.Sprintf("epoch %d: dev loss %.4f%s", e.Epoch, e.Loss, text)); err != nil {
		return err
	}
	if headline := c.task.Metrics[0]; c.Best != nil && !tasks.Better(headline, e.Metrics[headline], c.Best.Metrics[headline]) {
		return nil
	}
	c.Best = &e
	return c.trained.Save(c.Dir.Best())
}
