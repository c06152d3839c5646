package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/train"
)

// watchDir is an observer that notices when the run directory is gone.
type watchDir struct {
	claimed *checkpoint.Claimed
	checked float64 // seconds of the run
}

func (w *watchDir) OnStep(s train.Step) error {
	if s.Seconds-w.checked < 2 { // checking a remote file system takes time
		return nil
	}
	w.checked = s.Seconds
	return w.claimed.Check()
}

func (w *watchDir) OnEvaluation(train.Evaluation) error { return w.claimed.Check() }

// save writes a checkpoint and points latest at it, and best if it is the best. If the run
// directory is gone, save makes a new one, so that the weights are not lost and the run can be
// resumed.
func (j *Job) save(s train.State) error {
	gone := j.claimed.Check()
	if gone != nil {
		if err := os.MkdirAll(string(j.Dir), 0o777); err != nil {
			return errors.Join(gone, err)
		}
		if err := j.writeRecipe(j.text); err != nil {
			return errors.Join(gone, err)
		}
	}
	if err := j.write(s); err != nil {
		return errors.Join(gone, err)
	}
	if gone != nil {
		return fmt.Errorf("%w during the run; step %d is saved in a new directory: gorgpt %s --resume %s", gone, s.Step, j.command, j.Dir)
	}
	return nil
}

// state is the contents of trainer.json.
type state struct {
	train.State
	Epochs []finetune.Evaluation `json:"epochs,omitempty"`
}

// write writes a checkpoint.
func (j *Job) write(s train.State) error {
	// First, because a log must not be shorter than the checkpoint, whatever happens to the
	// machine.
	if err := errors.Join(j.metrics.Sync(), j.events.Sync()); err != nil {
		return err
	}
	c, err := j.whole(s)
	if err != nil {
		return err
	}
	if err := checkFinite(c.Params); err != nil {
		return err
	}
	dir, name := j.Dir.Checkpoints(), checkpoint.StepName(s.Step)
	if err := checkpoint.Save(filepath.Join(dir, name), c); err != nil {
		return err
	}
	if s.Best != nil && s.Best.Step == s.Step {
		if err := checkpoint.Point(dir, checkpoint.Best, name); err != nil {
			return err
		}
	}
	if s.Step > 0 && s.Step == j.Trainer.SaveAt {
		if err := checkpoint.Point(dir, checkpoint.Plateau, name); err != nil {
			return err
		}
	}
	if err := checkpoint.Point(dir, checkpoint.Latest, name); err != nil {
		return err
	}
	j.saved = s.Step
	defer j.sendOn()
	runtime.GC() // saving a tokenizer leaves 80 MB of garbage, which would add up beside gigabytes of weights
	return prune(dir, j.keep)
}

// whole returns what is saved for a state, assembled from all ranks.
func (j *Job) whole(s train.State) (checkpoint.Contents, error) {
	c, err := j.contents()
	if err != nil {
		return c, err
	}
	c.Trainer = state{s, j.Epochs}
	for _, t := range s.Solver.Tensors {
		c.Optimizer = append(c.Optimizer, checkpoint.Tensor{Name: t.Name, Shape: t.Shape, Data: t.Data})
	}
	c.Optimizer = checkpoint.Gathered(c.Params, c.Optimizer)
	return c, nil
}

// checkFinite refuses weights with which a checkpoint could not be read: the one before is better.
func checkFinite(params *graph.Params) error {
	for _, p := range params.All() {
		if i := slices.IndexFunc(p.Data(), func(x float32) bool { return x-x != 0 }); i >= 0 {
			return fmt.Errorf("%s: element %d is %v, want a finite number; the previous checkpoint is kept", p.Name(), i, p.Data()[i])
		}
	}
	return nil
}

// prune removes the checkpoints except the given number of latest ones, the best and the plateau's.
func prune(dir string, latest int) error {
	keep := make(map[string]bool)
	for _, pointer := range []string{checkpoint.Latest, checkpoint.Best, checkpoint.Plateau} {
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
func (j *Job) restore() (train.State, error) {
	var s state
	d, err := checkpoint.Open(j.Dir.Latest())
	if err != nil {
		return s.State, err
	}
	if err := d.Trainer(&s); err != nil {
		return s.State, err
	}
	j.Epochs = s.Epochs
	if err := j.weights(d); err != nil {
		return s.State, err
	}
	if s.Solver.Tensors, err = j.moments(d); err != nil && !(s.Solver.Step == 0 && errors.Is(err, fs.ErrNotExist)) {
		return s.State, err // before the first update there are no moments
	}
	return s.State, j.Trainer.Restore(s.State)
}

// moments reads the solver's tensors. Of those that other ranks keep, it returns only the names.
func (j *Job) moments(d *checkpoint.Dir) ([]train.Tensor, error) {
	f, err := d.Optimizer()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []train.Tensor
	for _, info := range f.Tensors() {
		keeps, err := j.Trainer.Keeps(info.Name)
		if err != nil {
			return nil, err
		}
		t := train.Tensor{Name: info.Name, Shape: info.Shape}
		p := checkpoint.ParamOf(j.Trainer.Params, info.Name)
		switch {
		case !keeps:
		case p != nil && p.Cut() && slices.Equal(info.Shape, p.Whole()):
			t.Shape, t.Data = p.Shape(), make([]float32, p.Size())
			err = checkpoint.ReadPart(f, info.Name, p, t.Data)
		default:
			t.Data = make([]float32, info.Size())
			err = f.Read(info.Name, t.Data)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}
