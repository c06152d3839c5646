package run

import (
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/mapped"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/train"
)

// adapted returns the model that the recipe trains: m, or m with adapters.
func (r TunedRecipe) adapted(m models.Model) (models.Model, error) {
	if r.LoRA == 0 {
		return m, nil
	}
	return models.LoRA(m, r.LoRA)
}

// freeze leaves only the adapters trainable, if there are any, and what is new.
func (r TunedRecipe) freeze(params *graph.Params, isNew string) error {
	if r.LoRA == 0 {
		return nil
	}
	err := models.OnlyAdapters(params)
	if err == nil && isNew != "" {
		err = params.Unfreeze(isNew)
	}
	return err
}

// check compiles the training program over parameters that declare declares, logs how much memory
// it takes, and returns an error if that is more than there is. The program runs the given number
// of times in an update.
func (t *Tuning) check(runs int, declare func(*graph.Params) error, isNew string, compile func(*graph.Params) (*graph.Program, error)) error {
	params := graph.NewParams(0)
	if err := declare(params); err != nil {
		return err
	}
	if err := t.Recipe.freeze(params, isNew); err != nil {
		return err
	}
	p, err := compile(params)
	if err != nil {
		return err
	}
	defer p.Close()
	m := memory.OfTraining(p, 2*p.Trainable()).WithRun(0, 0, 0) // Adam's moments; examples are small
	if !t.Recipe.Fast() {
		_, own := train.Share(runs, 0, size(t.peers))
		m = m.WithTree(own)
	}
	if t.Recipe.LoRA > 0 {
		m.Process += m.Weights // the merged weights of checkpoints
	}
	t.say(fmt.Sprintf("%d of %d weights are trained; memory %s: weights %s, gradients %s, their sums %s, moments %s, results %s",
		p.Trainable(), graph.Sum(p.Nodes()).Params, memory.Size(m.Total()), memory.Size(m.Weights), memory.Size(m.Gradients), memory.Size(m.Sums), memory.Size(m.Moments), memory.Size(m.Results)))
	if err := m.Check(); err != nil {
		return fmt.Errorf("%w: a smaller --micro or --context takes less, and so do --lora and --sum fast", err)
	}
	return nil
}

// mergedContents returns the contents of a checkpoint of params, which are those of plain with
// adapters. These are the contents that contents returns for plain with the adapters merged into
// its weights, and the trained adapters themselves, to resume from. declare declares plain's
// parameters.
func (t *Tuning) mergedContents(plain models.Model, params *graph.Params, declare func(*graph.Params) error, contents func(*graph.Params) (checkpoint.Contents, error)) (checkpoint.Contents, error) {
	if t.merged == nil { // only once, since garbage of this size would add up
		t.merged = graph.NewParams(0)
		if err := declare(t.merged); err != nil {
			return checkpoint.Contents{}, err
		}
	}
	if err := models.Merge(plain, t.merged, params); err != nil {
		return checkpoint.Contents{}, err
	}
	c, err := contents(t.merged)
	c.Beside = t.beside
	for _, p := range params.Trainable() {
		c.Adapters = append(c.Adapters, checkpoint.Tensor{Name: p.Name(), Shape: p.Shape(), Data: p.Data()})
	}
	return c, err
}

// besideBase records which weights the adapters are trained beside. --fresh does not use the checkpoint's.
func (t *Tuning) besideBase() error {
	if t.Recipe.LoRA == 0 || t.Recipe.Fresh {
		return nil
	}
	sum := crc32.New(weights.Castagnoli)
	err := mapped.Guard(func() error { // the parameters may be mapped
		for _, p := range t.base.Params.All() {
			fmt.Fprintln(sum, p.Name(), p.Shape())
			sum.Write(weights.Bytes(p.Data()))
		}
		return nil
	})
	t.beside = fmt.Sprintf("%08x", sum.Sum32())
	return err
}

// readAdapters reads the trained adapters.
func (t *Tuning) readAdapters(d *checkpoint.Dir, params *graph.Params) (err error) {
	f, err := d.Adapters()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if beside := checkpoint.AdaptersBeside(f); beside != "" && beside != t.beside {
		return fmt.Errorf("%s: its weights are not those that this run's adapters have been trained beside", t.Recipe.From)
	}
	for _, p := range params.Trainable() {
		if err := p.Fill(func(data []float32) error { return f.Read(p.Name(), data) }); err != nil {
			return err
		}
	}
	return nil
}
