package checkpoint

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Latest, Best and Plateau are the pointers among the checkpoints of a run; see [Point]. Plateau is the last
// step before the learning rate falls.
const (
	Latest  = "latest"
	Best    = "best"
	Plateau = "plateau"
)

const stepPrefix = "step-"

// StepName returns the name of the checkpoint of a step.
func StepName(step int) string { return fmt.Sprintf("%s%06d", stepPrefix, step) }

// Steps lists the step checkpoints in a directory, the earliest first.
func Steps(parent string) ([]string, error) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil, err
	}
	var steps []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), stepPrefix) {
			steps = append(steps, e.Name())
		}
	}
	slices.SortFunc(steps, CompareSteps)
	return steps, nil
}

// CompareSteps compares names of checkpoints by their steps. Those of a million steps or more have more
// digits.
func CompareSteps(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// Repair restores the checkpoints of a run, in the directory parent, after a copy that did not preserve
// links: one that turned a pointer into a directory, or lost it. Latest then points to the newest complete
// checkpoint, and Best to the one recorded in the trainer's state. done says what was done, one line each. If
// no checkpoint can be used, the error says why.
func Repair(parent string) (done []string, err error) {
	if _, err := Steps(parent); err != nil {
		return nil, nil // no directory: Open reports it
	}
	for _, pointer := range []string{Latest, Best, Plateau} {
		path := filepath.Join(parent, pointer)
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() {
			continue
		}
		name, err := becomeStep(path)
		if err != nil {
			return done, err
		}
		if name == "" {
			continue
		}
		if err := Point(parent, pointer, name); err != nil {
			return done, err
		}
		done = append(done, fmt.Sprintf("%s: a directory, probably from a copy that lost the links; now a pointer to %s again", path, name))
	}
	steps, err := Steps(parent)
	if err != nil {
		return done, err
	}
	latest := filepath.Join(parent, Latest)
	state, err := position{}, there(latest)
	if err == nil {
		state, err = wholeState(latest)
	}
	for i := len(steps) - 1; err != nil && lacking(err) && i >= 0; i-- {
		reason := err
		if state, err = wholeState(filepath.Join(parent, steps[i])); err != nil {
			continue
		}
		if err := Point(parent, Latest, steps[i]); err != nil {
			return done, err
		}
		done = append(done, fmt.Sprintf("%s: %v; the newest complete checkpoint, %s, is used instead", latest, bareReason(reason), steps[i]))
	}
	if err != nil && len(steps) > 0 {
		return done, err // no checkpoint can be used
	}
	if err != nil || state.Best == nil {
		return done, nil
	}
	best, name := filepath.Join(parent, Best), StepName(state.Best.Step)
	if err := there(best); errors.Is(err, fs.ErrNotExist) && slices.Contains(steps, name) {
		if err := Point(parent, Best, name); err != nil {
			return done, err
		}
		done = append(done, fmt.Sprintf("%s: lost; it points to %s again", best, name))
	} else if errors.Is(err, fs.ErrNotExist) {
		done = append(done, fmt.Sprintf("%s: lost, and so is the checkpoint it pointed to, %s", best, name))
	}
	return done, nil
}

// stoodFor returns the checkpoint that a pointer stood for before it was lost in a copy, or path itself if
// there is none.
func stoodFor(path string) string {
	parent, pointer := filepath.Split(filepath.Clean(path))
	if pointer != Latest && pointer != Best {
		return path
	}
	steps, err := Steps(filepath.Clean(parent))
	if err != nil || len(steps) == 0 {
		return path
	}
	name := steps[len(steps)-1] // even if it is incomplete: an older one must not be used silently
	if pointer == Best {
		state, err := wholeState(filepath.Join(parent, name))
		if err != nil || state.Best == nil {
			return path
		}
		name = StepName(state.Best.Step)
	}
	if !slices.Contains(steps, name) {
		return path
	}
	return filepath.Join(parent, name)
}

// position is the part of a trainer's state that identifies its checkpoint.
type position struct {
	Step int `json:"step"`
	Best *struct {
		Step int `json:"step"`
	} `json:"best"`
}

// wholeState opens all files of a run's checkpoint, which checks that they are complete as far as their
// headers show.
func wholeState(dir string) (p position, err error) {
	d, err := Open(dir)
	if err != nil {
		return p, err
	}
	if err := d.Trainer(&p); err != nil {
		return p, err
	}
	w, err := d.Weights()
	if err != nil {
		return p, err
	}
	if err := w.Close(); err != nil {
		return p, err
	}
	f, err := d.Optimizer()
	if errors.Is(err, fs.ErrNotExist) && p.Step == 0 {
		return p, nil // there are no moments before the first update
	}
	if err != nil {
		return p, err
	}
	return p, f.Close()
}

// there returns the error of a pointer that does not exist, or whose target does not exist.
func there(pointer string) error {
	if target, ok := readPointer(pointer); ok {
		pointer = filepath.Join(filepath.Dir(pointer), target)
	}
	_, err := os.Stat(pointer)
	return err
}

// lacking reports whether a checkpoint is missing or incomplete, rather than inaccessible.
func lacking(err error) bool { return !errors.Is(err, fs.ErrPermission) }

// bareReason removes the path, which the line already has.
func bareReason(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("missing or incomplete")
	}
	return err
}

// becomeStep renames a directory in a pointer's place to the name of its step. If that exists with the same
// content, it removes the directory instead. The name is "" if the directory is not a checkpoint of a run.
func becomeStep(dir string) (name string, err error) {
	p, err := wholeState(dir)
	if err != nil {
		return "", nil
	}
	name = StepName(p.Step)
	step := filepath.Join(filepath.Dir(dir), name)
	if _, err := os.Lstat(step); errors.Is(err, fs.ErrNotExist) {
		return name, os.Rename(dir, step)
	}
	if _, broken := wholeState(step); broken != nil {
		if err := os.Rename(step, oldName(step)); err != nil {
			return "", err
		}
		return name, errors.Join(os.Rename(dir, step), os.RemoveAll(oldName(step)))
	}
	same, err := sameFiles(dir, step)
	if err != nil {
		return "", err
	}
	if !same {
		return "", fmt.Errorf("%s and %s belong to the same step but differ; remove one", dir, step)
	}
	return name, os.RemoveAll(dir)
}

// sameFiles reports whether two directories hold the same files.
func sameFiles(a, b string) (bool, error) {
	entries, err := os.ReadDir(a)
	if err != nil {
		return false, err
	}
	others, err := os.ReadDir(b)
	if err != nil || len(entries) != len(others) {
		return false, err
	}
	for _, e := range entries {
		same, err := sameContent(filepath.Join(a, e.Name()), filepath.Join(b, e.Name()))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !same {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// sameContent reports whether two files hold the same bytes.
func sameContent(a, b string) (bool, error) {
	x, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer x.Close()
	y, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer y.Close()
	p, q := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(x, p)
		m, err2 := io.ReadFull(y, q)
		if !bytes.Equal(p[:n], q[:m]) {
			return false, nil
		}
		if err != nil || err2 != nil {
			return errors.Is(err, err2) && (err == io.EOF || err == io.ErrUnexpectedEOF), errors.Join(notEnd(err), notEnd(err2))
		}
	}
}

// notEnd returns err unless it only means the end of a file.
func notEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}
