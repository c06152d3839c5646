package run

import (
	"cmp"
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/train"
)

// classifying is the fine-tuning of a model on a task.
type classifying struct {
	*Tuning
	task             tasks.Task
	dev              tasks.Set
	plain            models.Model // without adapters
	trained          *finetune.Trained
	learned, checked []finetune.Example
}

func (c *classifying) name() string { return c.task.Name }

// classify reads the examples and makes the classifier.
func (t *Tuning) classify() error {
	task, learn, dev, err := t.read()
	if err != nil {
		return err
	}
	c := &classifying{Tuning: t, task: task, dev: dev}
	t.work, t.Measured = c, len(dev.Examples)
	if t.base, err = Load(t.Recipe.From); err != nil {
		return err
	}
	t.contents, t.weights = c.checkpoint, c.readWeights
	return c.encode(learn)
}

// encode makes the classifier and its examples, in tokens.
func (c *classifying) encode(learn tasks.Set) error {
	d, r := models.DimsOf(c.base.Model), c.Recipe
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
	if n, dev := finetune.Outputs(c.task, learn), finetune.Outputs(c.task, c.dev); n != dev {
		return c.dev.At(c.dev.Examples[0], "%d choices, where the examples to train on have %d", dev, n)
	}
	if encoder.Truncated > 0 {
		fmt.Fprintf(c.log, "%d texts were longer than the context of %d and were truncated\n", encoder.Truncated, context)
	}
	d.Vocab = max(d.Vocab, encoder.Tokenizer.Size())
	c.plain = r.dropped(models.WithDims(c.base.Model, d))
	model, err := r.adapted(c.plain)
	if err != nil {
		return err
	}
	classifier := finetune.NewClassifier(model, c.task, finetune.Outputs(c.task, learn))
	classifier.Dropout, classifier.Auxiliary = models.DropoutOf(c.plain), r.Auxiliary
	c.trained = &finetune.Trained{
		Description: finetune.Describe(c.task, classifier.Outputs, context), Classifier: classifier,
		Params: graph.NewParams(r.Seed), Encoder: encoder,
	}
	c.Description = c.trained.Description
	if err := classifier.Declare(c.trained.Params); err != nil {
		return err
	}
	return r.freeze(c.trained.Params, headScope)
}

// headScope is the scope of the task's head, which the base model does not have.
const headScope = "classifier"

// checkpoint returns what is saved: adapters are merged, so that it is a model like any other.
func (c *classifying) checkpoint() (checkpoint.Contents, error) {
	if c.Recipe.LoRA == 0 {
		return c.trained.Contents()
	}
	whole := *c.trained
	whole.Classifier.Base = c.plain
	return c.mergedContents(c.plain, c.trained.Params, whole.Classifier.Declare, func(params *graph.Params) (checkpoint.Contents, error) {
		whole.Params = params
		return whole.Contents()
	})
}

// readWeights reads what checkpoint saved.
func (c *classifying) readWeights(d *checkpoint.Dir) error {
	if c.Recipe.LoRA > 0 {
		return c.readAdapters(d, c.trained.Params)
	}
	return d.Params(c.trained.Params)
}

func (c *classifying) trainer(resumed bool) (err error) {
	r := c.Recipe
	if !r.Fresh && (!resumed || r.LoRA > 0) {
		if err := finetune.Extend(c.trained.Params, c.base.Params); err != nil {
			return err
		}
	}
	computing, err := graph.ParsePrecision(r.Precision)
	if err != nil {
		return err
	}
	if err := c.besideBase(); err != nil {
		return err
	}
	c.base.Params = nil // weights that cannot be mapped from their file would take memory
	o := finetune.Settings{
		Epochs: r.Epochs, Batch: r.Batch, Micro: min(r.Micro, r.Batch, len(c.learned)),
		Rate: r.Rate, Warmup: r.Warmup, Decay: r.Decay, Clip: r.Clip, Seed: r.Seed, Precision: computing, Epoch: c.measured, Save: c.save,
	}
	longest := finetune.Longest(c.learned, c.checked)
	runs := (min(r.Batch, len(c.learned)) + o.Micro - 1) / o.Micro
	if err := c.check(runs, c.trained.Classifier.Declare, headScope, func(params *graph.Params) (*graph.Program, error) {
		return c.trained.Classifier.Compile(params, o.Micro, longest)
	}); err != nil {
		return err
	}
	c.Trainer, err = finetune.NewTrainer(c.trained.Classifier, c.trained.Params, c.task, c.learned, c.checked, o)
	return err
}

// observers returns progress, of updates only: each epoch is reported by measured.
func (c *classifying) observers() []train.Observer { return []train.Observer{updatesOf{c.Progress}} }

func (c *classifying) finish() error { return c.writePredictions(c.dev) }

// updatesOf is progress that ignores evaluations.
type updatesOf struct{ *train.Progress }

func (updatesOf) OnEvaluation(train.Evaluation) error { return nil }

// measured records and reports the evaluation at the end of an epoch.
func (c *classifying) measured(e finetune.Evaluation) error {
	c.Epochs = append(c.Epochs[:min(len(c.Epochs), e.Epoch-1)], e)
	c.keepBest(e)
	text := ""
	for _, name := range c.task.Metrics {
		text += fmt.Sprintf(", %s %.4f", MetricName(name, c.task.Labels), e.Metrics[name])
	}
	return c.Progress.Say(fmt.Sprintf("epoch %d: dev loss %.4f%s", e.Epoch, e.Loss, text))
}

// keepBest keeps the best epoch, as the trainer keeps its checkpoint.
func (t *Tuning) keepBest(e finetune.Evaluation) {
	headline := t.Description.Metrics[0]
	if t.Best == nil || tasks.Better(headline, e.Metrics[headline], t.Best.Metrics[headline]) {
		t.Best = &e
	}
}
