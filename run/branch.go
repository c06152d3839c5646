package run

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/train"
)

// OfCheckpoint returns the run that a checkpoint belongs to: DIR for DIR/checkpoints/step-000900.
// It reports whether the path has that form and DIR has a recipe.
func OfCheckpoint(path string) (dir Dir, ok bool) {
	parent := filepath.Dir(filepath.Clean(path))
	dir = Dir(filepath.Dir(parent))
	return dir, dir.Checkpoints() == parent && exists(dir.RecipePath())
}

// Branch makes a new run from a checkpoint of another, with the other's history up to then, and
// continues it as [Resume] does. The directory must be empty or new; "" makes one in runs. The
// other run is not changed.
//
// A run branched from the plateau of the schedule wsd, and given another length, is bit for bit the
// run that was planned for that length from the start.
func Branch(from, dir string, recipe Recipe, o Options) (*Run, error) {
	of, ok := OfCheckpoint(from)
	if !ok {
		return nil, fmt.Errorf("--resume: %s: not a checkpoint of a run, such as DIR/checkpoints/plateau", from)
	}
	j := newJob(nil, "", "", o.Peers, o.Within)
	first := j.first()
	var made string
	var err error
	if first {
		if made, err = newCopy(from, of, dir); err != nil {
			return nil, err
		}
	}
	if made, err = j.tell(made); err != nil {
		return nil, err
	}
	r, err := Resume(Dir(made), recipe, o)
	if err != nil && first {
		err = errors.Join(err, os.RemoveAll(made))
	}
	return r, err
}

// newCopy makes a new directory with a run as it was at a checkpoint.
func newCopy(from string, of Dir, dir string) (string, error) {
	made, claimed, err := newDir(dir, filepath.Base(string(of)))
	if err != nil {
		return "", err
	}
	err = copyRun(from, of, Dir(made))
	claimed.Release()
	if err != nil {
		return "", errors.Join(fmt.Errorf("--resume %s: %w", from, err), os.RemoveAll(made))
	}
	return made, nil
}

// copyRun copies what belongs to a checkpoint of a run: the recipe; the logs, of which resuming
// cuts off what came later; and the best checkpoint until then, if it still exists.
func copyRun(from string, of, to Dir) error {
	d, err := checkpoint.Open(from)
	if err != nil {
		return err
	}
	var s train.State
	if err := d.Trainer(&s); err != nil {
		return err
	}
	for _, name := range []string{recipeName, filepath.Base(of.MetricsPath()), train.EventsFile, filepath.Base(of.SamplesPath())} {
		data, err := os.ReadFile(filepath.Join(string(of), name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(string(to), name), data, 0o666)
		}
		if err != nil {
			return err
		}
	}
	pointers := map[string]string{checkpoint.Latest: checkpoint.StepName(s.Step)}
	paths := map[string]string{checkpoint.StepName(s.Step): d.Path()}
	if s.Best != nil {
		name := checkpoint.StepName(s.Best.Step)
		if path := filepath.Join(of.Checkpoints(), name); exists(path) {
			pointers[checkpoint.Best], paths[name] = name, path
		}
	}
	for name, path := range paths {
		if err := os.CopyFS(filepath.Join(to.Checkpoints(), name), os.DirFS(path)); err != nil {
			return err
		}
	}
	for pointer, name := range pointers {
		if err := checkpoint.Point(to.Checkpoints(), pointer, name); err != nil {
			return err
		}
	}
	return nil
}

// sayReplanned logs that a run resumed for another length has not had the learning rates of a run
// planned for that length from the start, if that is so.
func (r *Run) sayReplanned(was Recipe, step int) error {
	if was.Steps == r.Recipe.Steps {
		return nil
	}
	before, err := was.rates()
	if err != nil {
		return err
	}
	now, err := r.Recipe.rates()
	if err != nil {
		return err
	}
	stride := 1
	if was.inTokens() || r.Recipe.inTokens() { // counting the tokens of each update takes long if its size grows
		stride = max(1, step/1000)
	}
	for i := 0; i < step; i += stride {
		a, err1 := before(i)
		b, err2 := now(i)
		if err := cmp.Or(err1, err2); err != nil {
			return err
		}
		if a == b {
			continue
		}
		if stride > 1 { // look at those that were passed over
			i, stride = max(-1, i-stride), 1
			continue
		}
		r.say(fmt.Sprintf("note: this is not the same as a run of %d steps from the start, whose learning rates differ from update %d on", r.Recipe.Steps, i+1))
		end, err := was.plateau()
		if err != nil {
			return err
		}
		if plateau := filepath.Join(r.Dir.Checkpoints(), checkpoint.Plateau); end > 0 && i >= end && exists(plateau) {
			length := fmt.Sprint("--steps ", r.Recipe.Steps)
			if r.Recipe.Tokens != "" {
				length = "--tokens " + r.Recipe.Tokens
			}
			r.say(fmt.Sprintf("the run before its learning rate fell is in %s; to continue from there: gorgpt train --resume %s %s --out DIR", plateau, plateau, length))
		}
		break
	}
	return nil
}

// sayDone logs that a resumed run has no steps left, if that is so.
func (r *Run) sayDone(step int) {
	if step < r.Recipe.Steps {
		return
	}
	flag := "--steps"
	if r.Recipe.Tokens != "" {
		flag = "--tokens"
	}
	r.say(fmt.Sprintf("the run is at its last step, %d; a larger %s trains it further", step, flag))
}
