package cli

import (
	"fmt"
	"math"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/models"
)

// unset is the context of a recipe that does not say it.
const unset = math.MinInt

// begin opens what a new run begins with, if it is a checkpoint, and completes the recipe.
func (j *job) begin() error {
	r := &j.recipe
	if r.From == "" || j.resume != "" {
		if r.Context == unset {
			r.Context = defaults().Context
		}
		return nil
	}
	var err error
	if j.from, err = load(r.From); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	has := j.from.model.Dims().Context
	if r.Context == unset {
		r.Context = has
	}
	if r.Context > has {
		return usagef("--context %d: the model of --from %s has %d; leave it out, or take fewer", r.Context, r.From, has)
	}
	// They are the checkpoint's, and the recipe of the run is to say nothing else.
	r.Model, r.Layers, r.Heads, r.Width, r.Tokenizer = "", 0, 0, 0, ""
	return nil
}

// makeModel makes the model of a run, with weights if it begins with those of another.
func (j *job) makeModel() (err error) {
	r := j.recipe
	if r.From == "" {
		j.model, err = r.model(j.tokenizer.Size())
		return err
	}
	if j.from == nil { // a run that goes on, whose checkpoints are of the same model
		d, err := checkpoint.Open(filepath.Join(checkpointsDir(j.resume), "latest"))
		if err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
		m, err := d.Model()
		if err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
		j.model = m.WithDropout(r.Dropout)
		return nil
	}
	d := j.from.model.Dims()
	d.Context = r.Context
	j.model = j.from.model.WithDims(d).WithDropout(r.Dropout)
	if err := j.model.Validate(); err != nil {
		return usageError{err}
	}
	err = models.Begin(j.model, j.params, j.from.params)
	j.from = nil // its weights are copied
	return err
}
