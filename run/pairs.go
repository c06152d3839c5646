package run

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/train"
)

// responding is the fine-tuning of a model on prompts and responses, where the loss is that of the
// responses only.
type responding struct {
	*Tuning
	learn, dev *pairs.Stream
	width      int // tokens per row of their batches
}

func (r *responding) name() string { return "pairs" }

// respond reads the pairs and their model.
func (t *Tuning) respond() (err error) {
	r := &responding{Tuning: t}
	t.work, t.contents, t.weights = r, r.checkpoint, r.readWeights
	if t.base, err = Load(t.Recipe.From); err != nil {
		return err
	}
	return r.streams()
}

func (r *responding) observers() []train.Observer { return []train.Observer{r.Progress} }

func (r *responding) finish() error { return nil }

// checkpoint returns what is saved, with adapters merged.
func (r *responding) checkpoint() (checkpoint.Contents, error) {
	m := r.base
	contents := func(params *graph.Params) (c checkpoint.Contents, err error) {
		c = checkpoint.Contents{Params: params, Tokenizer: m.Tokenizer.Save, Generation: m.Generation}
		begin, _ := around(m.Tokenizer)
		c.Config, err = models.JSONFor(m.Model, begin, m.Ends...)
		return c, err
	}
	if r.Recipe.LoRA == 0 {
		return contents(r.Trainer.Params)
	}
	return r.mergedContents(m.Model, r.Trainer.Params, func(params *graph.Params) error { return models.Declare(m.Model, params) }, contents)
}

// readWeights reads what checkpoint saved.
func (r *responding) readWeights(d *checkpoint.Dir) error {
	if r.Recipe.LoRA > 0 {
		return r.readAdapters(d, r.Trainer.Params)
	}
	r.Trainer.Params = graph.NewParams(0)
	if err := models.Declare(r.base.Model, r.Trainer.Params); err != nil {
		return err
	}
	return d.Params(r.Trainer.Params)
}

// streams reads the pairs to train on and those to evaluate on. If there is no file for the latter,
// every tenth pair is held out.
func (r *responding) streams() error {
	shape := pairs.Config{Context: r.window(), Seed: r.Recipe.Seed, Ends: r.base.Ends}
	put := func(set []pairs.Pair) []pairs.Pair { return set }
	if r.Recipe.Template == inChat {
		if err := r.converse(&shape); err != nil {
			return err
		}
	} else {
		template, err := pairs.FindTemplate(r.Recipe.Template)
		if err != nil {
			return usage.Of(err)
		}
		put = template.Apply
	}
	learn, err := readPairs(r.Recipe.Pairs)
	if err != nil {
		return err
	}
	var dev []pairs.Pair
	if r.Recipe.Dev != "" {
		if dev, err = readPairs(r.Recipe.Dev); err != nil {
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
			return fmt.Errorf("%s: %s, too few to hold out a tenth: give at least 10, or --dev", r.Recipe.Pairs, plural.Of(len(learn), "pair"))
		}
	}
	if learn, err = someOf(learn, r.Recipe.Examples, r.Recipe.Seed, r.Recipe.Pairs); err != nil {
		return err
	}
	if d := models.DimsOf(r.base.Model); r.Recipe.Context > d.Context {
		return usage.Errorf("--context %d: the model has %s", r.Recipe.Context, plural.Of(d.Context, "position"))
	}
	shape.Batch, _ = r.Recipe.runs(len(learn))
	if r.learn, err = pairs.NewStream(put(learn), r.base.Tokenizer, shape); err != nil {
		return fmt.Errorf("%s: %w", r.Recipe.Pairs, err)
	}
	shape.Once = true
	if r.dev, err = pairs.NewStream(put(dev), r.base.Tokenizer, shape); err != nil {
		return fmt.Errorf("dev set: %w", err)
	}
	r.fit()
	fmt.Fprintf(r.log, "%s to train on from %s, %d to measure on\n", plural.Of(r.learn.Len(), "pair"), r.Recipe.Pairs, r.dev.Len())
	if n := r.learn.Cut() + r.dev.Cut(); n > 0 {
		fmt.Fprintf(r.log, "%d prompts were longer than the context of %d and lost their beginning\n", n, shape.Context)
	}
	return nil
}

// inChat is the template that stands for the model's chat template.
const inChat = "chat"

// converse makes prompts a user's messages and responses the assistant's, in the model's chat
// format.
func (r *responding) converse(c *pairs.Config) error {
	f, err := chat.For(r.base.Tokenizer)
	if err == nil && f.Stops() == nil {
		err = errors.New("no special token ends an answer in the model's chat template")
	}
	if err != nil {
		return fmt.Errorf("--template %s: %w", inChat, err)
	}
	c.Ends = f.Stops()
	c.Prompt = func(text string) ([]int, error) {
		return f.AnswerPrompt(append(f.Begin(""), chat.Message{Role: chat.User, Content: text}))
	}
	return nil
}

// fit makes batches as wide as the longest pair, instead of the context, which may be many times
// wider.
func (r *responding) fit() {
	const step = 8
	longest := max(r.learn.Longest(), r.dev.Longest())
	r.width = min(r.window(), (longest+step-1)/step*step)
	r.learn.Narrow(r.width)
	r.dev.Narrow(r.width)
}

// window is the largest number of tokens in a prompt and its response.
func (r *responding) window() int {
	return cmp.Or(r.Recipe.Context, models.DimsOf(r.base.Model).Context)
}

// runs returns the number of pairs in a run of the graph, and in an update, for a data set of all
// pairs. Runs have at most --micro pairs, and all runs of an update the same number.
func (r TunedRecipe) runs(all int) (run, update int) {
	update = min(r.Batch, all)
	run = min(r.Micro, update)
	for update%run > 0 {
		run--
	}
	return run, update
}

// trainer assembles the trainer.
func (r *responding) trainer(bool) error {
	o := r.Recipe
	model, err := o.adapted(o.dropped(r.base.Model))
	if err != nil {
		return err
	}
	batch, update := o.runs(r.learn.Len())
	if err := r.check(update/batch, func(params *graph.Params) error { return models.Declare(model, params) }, "", func(params *graph.Params) (*graph.Program, error) {
		return declare(model, params, batch, r.width)
	}); err != nil {
		return err
	}
	params := r.base.Params
	if o.LoRA > 0 {
		params = graph.NewParams(o.Seed)
		if err := models.Begin(model, params, r.base.Params); err != nil {
			return err
		}
		if err := o.freeze(params, ""); err != nil {
			return err
		}
	}
	if err := r.besideBase(); err != nil {
		return err
	}
	r.base.Params = nil // the trainer has the trainable parameters
	computing, err := Computing(o.Precision)
	if err != nil {
		return err
	}
	restart, err := train.Restart(r.dev)
	if err != nil {
		return err
	}
	epoch := (r.learn.Len() + update - 1) / update
	steps := o.Epochs * epoch
	r.Trainer = &train.Trainer{
		Task: &train.NextToken{
			Model: models.Graphs(model), Train: r.learn, Validation: restart,
			Batch: batch, Context: r.width, Accumulate: update / batch,
		},
		Params: params, Solver: &train.Optimizer{Rule: finetune.Adam, Decay: o.Decay, Clip: o.Clip},
		Schedule: train.Linear(o.Rate, 0, int(o.Warmup*float64(steps)), steps),
		Steps:    steps, EvalEvery: epoch, Graph: computing, Seed: o.Seed, Settings: o.fixed(),
	}
	return nil
}

// readPairs reads pairs from a file, or from a local copy of an object in a store.
func readPairs(name string) ([]pairs.Pair, error) {
	path, err := store.Fetch(name)
	if err != nil {
		return nil, err
	}
	return pairs.Read(path)
}
