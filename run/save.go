package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/train"
)

// watchDir is an observer that notices when the run directory is gone.
type watchDir struct {
	claimed *checkpoint.Claimed
	checked float64 // seconds of the run
}

func (w *watchDir) OnStep(s train.Step) error {
	if s.Seconds-w.checked < 2 { // a file system far away takes its time
		return nil
	}
	w.checked = s.Seconds
	return w.claimed.Check()
}

func (w *watchDir) OnEvaluation(train.Evaluation) error { return w.claimed.Check() }

// save writes a checkpoint and points latest, and best where it is, at it. If the run
// directory is gone, the weights are not: a new one gets them, to go on from.
func (r *Run) save(s train.State) error {
	gone := r.claimed.Check()
	if gone != nil {
		if err := os.MkdirAll(string(r.Dir), 0o777); err != nil {
			return errors.Join(gone, err)
		}
		if err := wholefile.Write(r.Dir.RecipePath(), r.Recipe.Text()); err != nil {
			return errors.Join(gone, err)
		}
	}
	if err := r.write(s); err != nil {
		return errors.Join(gone, err)
	}
	if gone != nil {
		return fmt.Errorf("%w during the run; step %d is saved in a new one: gorgpt train --resume %s", gone, s.Step, r.Dir)
	}
	return nil
}

// write writes a checkpoint.
func (r *Run) write(s train.State) error {
	// First: a log must not be shorter than the checkpoint, whatever happens to the machine.
	if err := errors.Join(r.metrics.Sync(), r.events.Sync()); err != nil {
		return err
	}
	end := -1
	if id, ok := r.Tokenizer.EndOfText(); ok {
		end = id
	}
	config, err := r.Model.JSON(end)
	if err != nil {
		return err
	}
	var moments []checkpoint.Tensor
	for _, t := range s.Solver.Tensors {
		moments = append(moments, checkpoint.Tensor(t))
	}
	dir, name := r.Dir.Checkpoints(), checkpoint.StepName(s.Step)
	err = checkpoint.Save(filepath.Join(dir, name), checkpoint.Contents{
		Config: config, Params: r.Params, Zeros: r.Model.Absent(),
		Tokenizer: r.Tokenizer.Save, Trainer: s, Optimizer: moments,
	})
	if err != nil {
		return err
	}
	if s.Best != nil && s.Best.Step == s.Step {
		if err := checkpoint.Point(dir, checkpoint.Best, name); err != nil {
			return err
		}
	}
	if err := checkpoint.Point(dir, checkpoint.Latest, name); err != nil {
		return err
	}
	r.saved = s.Step
	return prune(dir, r.Recipe.Keep)
}

// prune removes the checkpoints but the latest so many and the best.
func prune(dir string, latest int) error {
	keep := make(map[string]bool)
	for _, pointer := range []string{checkpoint.Latest, checkpoint.Best} {
		if d, err := checkpoint.Open(filepath.Join(dir, pointer)); err == nil {
			keep[filepath.Base(d.Path())] = true
		}
	}
	steps, err := checkpoint.Steps(dir)
	if err != nil {
		return err
	}
	for _, name := range steps[:max(0, len(steps)-latest)] {
		if !keep[name] {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// restore loads the latest checkpoint of the run into the weights and the trainer.
func (r *Run) restore() (train.State, error) {
	var s train.State
	d, err := checkpoint.Open(r.Dir.Latest())
	if err != nil {
		return s, err
	}
	if err := d.Trainer(&s); err != nil {
		return s, err
	}
	if s.Solver.Tensors, err = moments(d); err != nil && !(s.Solver.Step == 0 && errors.Is(err, fs.ErrNotExist)) {
		return s, err // before the first update there are none
	}
	if err := models.Declare(r.Model, r.Params); err != nil {
		return s, err
	}
	if err := d.Params(r.Params, r.Model.Absent()); err != nil {
		return s, err
	}
	if err := r.Trainer.Restore(s); err != nil || s.Validation == nil {
		return s, err
	}
	if err := r.validation.Restore(s.Validation); err != nil {
		return s, fmt.Errorf("validation text: %w", err)
	}
	return s, nil
}

// moments reads the solver's tensors.
func moments(d *checkpoint.Dir) ([]train.Tensor, error) {
	f, err := d.Optimizer()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []train.Tensor
	for _, info := range f.Tensors() {
		data := make([]float32, info.Size())
		if err := f.Read(info.Name, data); err != nil {
			return nil, err
		}
		all = append(all, train.Tensor{Name: info.Name, Shape: info.Shape, Data: data})
	}
	return all, nil
}
