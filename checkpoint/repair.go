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

// Latest, Best and Plateau, the last step before the learning rate falls, are the pointers among the checkpoints
// of a run; see [Point].
const (
	Latest  = "latest"
	Best    = "best"
	Plateau = "plateau"
)

const stepPrefix = "step-"

// StepName is the name of the checkpoint of a step.
func StepName(step int) string { return fmt.Sprintf("%s%06d", stepPrefix, step) }

// Steps lists the checkpoints of steps in a folder, the earliest first.
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

// CompareSteps compares names of checkpoints by their steps, of which those after a million have more digits.
func CompareSteps(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// Repair makes the checkpoints of a run, in the folder parent, what they were before a copy
// without links: one that made a directory of a pointer, or lost it. Latest is then the
// newest checkpoint that is whole, and Best as the trainer's state has it. It says what was
// done, a line each. Where no checkpoint can be used the error says why.
func Repair(parent string) (done []string, err error) {
	if _, err := Steps(parent); err != nil {
		return nil, nil // none at all: Open says so
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
		done = append(done, fmt.Sprintf("%s: a directory, as of a copy without links; it is %s, and points there again", path, name))
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
		done = append(done, fmt.Sprintf("%s: %v; the newest whole checkpoint, %s, is used", latest, bareReason(reason), steps[i]))
	}
	if err != nil && len(steps) > 0 {
		return done, err // nothing can be used
	}
	if err != nil || state.Best == nil {
		return done, nil
	}
	best, name := filepath.Join(parent, Best), StepName(state.Best.Step)
	if err := there(best); errors.Is(err, fs.ErrNotExist) && slices.Contains(steps, name) {
		if err := Point(parent, Best, name); err != nil {
			return done, err
		}
		done = append(done, fmt.Sprintf("%s: lost; it is %s, and points there again", best, name))
	} else if errors.Is(err, fs.ErrNotExist) {
		done = append(done, fmt.Sprintf("%s: lost, and %s with it", best, name))
	}
	return done, nil
}

// stoodFor is the checkpoint that the path of a pointer stood for, where the pointer was lost in
// a copy, or path itself where there is nothing better.
func stoodFor(path string) string {
	parent, pointer := filepath.Split(filepath.Clean(path))
	if pointer != Latest && pointer != Best {
		return path
	}
	steps, err := Steps(filepath.Clean(parent))
	if err != nil || len(steps) == 0 {
		return path
	}
	name := steps[len(steps)-1] // whole or not: an older one would be another without a word
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

// position is what of a trainer's state tells which checkpoint it is of.
type position struct {
	Step int `json:"step"`
	Best *struct {
		Step int `json:"step"`
	} `json:"best"`
}

// wholeState opens all files of a run's checkpoint, as far as their beginnings tell that they
// are whole.
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
		return p, nil // before the first update there are no moments
	}
	if err != nil {
		return p, err
	}
	return p, f.Close()
}

// there is the error of a pointer that is not there, or points at nothing.
func there(pointer string) error {
	if target, ok := readPointer(pointer); ok {
		pointer = filepath.Join(filepath.Dir(pointer), target)
	}
	_, err := os.Stat(pointer)
	return err
}

// lacking tells whether a checkpoint is not there or not whole, and not only out of reach.
func lacking(err error) bool { return !errors.Is(err, fs.ErrPermission) }

// bareReason leaves out the path that the line has already.
func bareReason(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("lost, or not whole")
	}
	return err
}

// becomeStep gives a directory in a pointer's place the name of its step, or removes it where
// that is there with the same content. The name is "" if it is no checkpoint of a run.
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
		return "", fmt.Errorf("%s and %s are of the same step, and differ; remove one", dir, step)
	}
	return name, os.RemoveAll(dir)
}

// sameFiles tells whether two directories hold the same files.
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

// sameContent tells whether two files hold the same bytes.
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

// notEnd is an error other than that of the end of a file.
func notEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}
