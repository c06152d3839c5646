package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// open opens the checkpoint that a new run starts from, if there is one, and completes the recipe.
func (r *Run) open() (from *Trained, err error) {
	recipe := &r.Recipe
	if recipe.From == "" {
		return nil, recipe.fillRate(nil)
	}
	if from, err = Load(recipe.From); err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	has := models.DimsOf(from.Model).Context
	if recipe.Context == 0 {
		recipe.Context = has
	}
	if recipe.Context > has {
		return nil, usage.Errorf("--context %d: the model of --from %s has %d; leave it out, or choose fewer", recipe.Context, recipe.From, has)
	}
	// These are the checkpoint's, and the run's recipe must not say anything else.
	recipe.Model, recipe.Layers, recipe.Heads, recipe.Width, recipe.Tokenizer = "", 0, 0, 0, ""
	return from, recipe.fillRate(from)
}

// makeModel makes the tokenizer and the model of a new run, with weights if it starts from a
// checkpoint.
func (r *Run) makeModel(from *Trained) (err error) {
	recipe := &r.Recipe
	if from == nil {
		if recipe.Tokenizer == "" {
			recipe.Tokenizer = r.Text.Tokenizer()
		}
		tok, err := tokenizer.Find(recipe.Tokenizer, r.Text.Texts(recipe.Tokenizer == "chars"))
		if err != nil {
			return err
		}
		r.setTokenizer(tok)
		return r.edit(recipe.MakeModel(r.Tokenizer.Size()))
	}
	r.setTokenizer(from.Tokenizer)
	d := models.DimsOf(from.Model)
	d.Context = recipe.Context
	if err := r.edit(recipe.adjust(models.WithDims(from.Model, d))); err != nil {
		return err
	}
	return models.Begin(r.Model, r.Params, from.Params)
}

// reopenModel makes the tokenizer and the model of a resumed run, which are those of its
// checkpoint.
func (r *Run) reopenModel() error {
	d, err := checkpoint.Open(r.Dir.Latest())
	if err != nil {
		return r.noCheckpoint(err)
	}
	tok, err := tokenizer.Load(d.Path())
	if err != nil {
		return err
	}
	r.setTokenizer(tok)
	m, err := d.Model(r.edits...)
	if err != nil {
		return err
	}
	if r.Recipe.From == "" {
		return r.edit(r.Recipe.MakeModel(r.Tokenizer.Size()))
	}
	r.Model, err = r.Recipe.adjust(m)
	return err
}

// edit makes m, with the run's edits, the run's model.
func (r *Run) edit(m models.Model, err error) error {
	if err == nil {
		r.Model = models.Edit(m, r.edits...)
	}
	return err
}

func (r *Run) setTokenizer(tok tokenizer.Tokenizer) {
	if r.Tokenizer = tok; r.Recipe.Special {
		r.Tokenizer = tokenizer.ReadSpecial(tok)
	}
}

// noCheckpoint explains why a run has no checkpoint to resume from.
func (j *Job) noCheckpoint(err error) error {
	if _, no := os.Lstat(j.Dir.Latest()); !errors.Is(no, fs.ErrNotExist) {
		return err
	}
	if steps, _ := checkpoint.Steps(j.Dir.Checkpoints()); len(steps) > 0 {
		return fmt.Errorf("%s: none of its checkpoints is complete: %s", j.Dir, strings.Join(steps, ", "))
	}
	return fmt.Errorf("%s: the run was stopped before its first checkpoint; begin again: gorgpt %s %s", j.Dir, j.command, filepath.Join(string(j.Dir), j.recipe))
}

// NoRun explains an error about a folder that does not exist, or is not that of a training run.
func (d Dir) NoRun(err error) error { return d.noRun(err, recipeName) }

func (d Dir) noRun(err error, recipe string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !exists(string(d)) {
		return fmt.Errorf("%s: no such folder", d)
	}
	return fmt.Errorf("%s: no %s in it: not a run directory", d, recipe)
}
