package cli

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/internal/plural"
)

// files finds the files to train and to measure on; the second may be missing.
func (j *finetuning) files() (learn, dev string, err error) {
	learn, dev = j.trainFile, j.devFile
	if j.data == "" {
		return learn, dev, nil
	}
	entries, err := os.ReadDir(j.data)
	if err != nil {
		return "", "", fmt.Errorf("--data: %w", err)
	}
	find := func(flag string, parts ...string) (string, error) {
		var found []string
		for _, e := range entries {
			name := strings.ToLower(e.Name())
			if slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(name, p) }) && !strings.Contains(name, "labels") {
				found = append(found, e.Name())
			}
		}
		if i := slices.IndexFunc(found, func(name string) bool {
			base, _, _ := strings.Cut(strings.ToLower(name), ".")
			return slices.Contains([]string{"train", "dev", "val", "valid", "validation"}, base)
		}); i >= 0 {
			found = found[i : i+1] // called just that, beside others
		}
		if len(found) > 1 {
			return "", fmt.Errorf("--data: %s has %s; choose one with --%s", j.data, strings.Join(found, ", "), flag)
		}
		if len(found) == 0 {
			return "", nil
		}
		return filepath.Join(j.data, found[0]), nil
	}
	if learn == "" {
		if learn, err = find("train", "train"); err != nil {
			return "", "", err
		}
	}
	if dev == "" {
		if dev, err = find("dev", "dev", "val"); err != nil {
			return "", "", err
		}
	}
	if learn == "" {
		learn, dev = dev, ""
	}
	if learn == "" {
		return "", "", fmt.Errorf("--data: no file in %s has train, dev or val in its name; give --train and --dev", j.data)
	}
	return learn, dev, nil
}

// read reads the examples.
func (j *finetuning) read() (task tasks.Task, learn, dev tasks.Set, err error) {
	learnFile, devFile, err := j.files()
	if err != nil {
		return
	}
	if j.task != "" {
		task, _ = tasks.Find(j.task)
		learn, err = task.Read(learnFile)
	} else {
		task, learn, err = j.columns.Read(learnFile, tasks.Kind(j.kind), nil)
	}
	if err != nil {
		return
	}
	if devFile != "" {
		if dev, err = task.Read(devFile); err != nil {
			return
		}
	} else {
		if learn, dev = task.HoldOut(learn); len(dev.Examples) == 0 {
			err = fmt.Errorf("%s: too few to hold out a tenth, with %s; give --dev", learnFile, plural.Of(len(learn.Examples), "example"))
			return
		}
	}
	if learn.Examples, err = someOf(learn.Examples, j.examples, j.settings.Seed, learnFile); err != nil {
		return
	}
	if task, err = task.Fit(learn.Examples); err != nil {
		err = fmt.Errorf("%s: %w", learnFile, err)
		return
	}
	fmt.Fprintf(j.stderr, "%s, %s: %d examples to train on from %s", task.Name, task.Kind, len(learn.Examples), learnFile)
	if n := learn.Skipped + dev.Skipped; n > 0 {
		fmt.Fprintf(j.stderr, " (%d left out: no label, or a broken line)", n)
	}
	fmt.Fprintf(j.stderr, ", %d to measure on\n", len(dev.Examples))
	if _, alike := task.Fit(dev.Examples); alike != nil {
		fmt.Fprintf(j.stderr, "to measure on: %v\n", alike)
	}
	j.sayScale(task, dev)
	return
}

// sayScale says what scores are predicted with, and how many cannot be.
func (j *finetuning) sayScale(task tasks.Task, dev tasks.Set) {
	switch {
	case !task.Regression:
	case task.Deviation > 0:
		fmt.Fprintf(j.stderr, "scores from %g to %g: one output with the squared error, of mean %.6g and deviation %.6g\n", task.Low, task.High, task.Mean, task.Deviation)
	default:
		fmt.Fprintf(j.stderr, "scores from %g to %g: an output for each whole number\n", task.Low, task.High)
		beyond := 0
		for _, e := range dev.Examples {
			if e.Score < task.Low || e.Score > task.High {
				beyond++
			}
		}
		if beyond > 0 {
			fmt.Fprintf(j.stderr, "%s to measure on outside of that, which the model cannot say\n", plural.Of(beyond, "score"))
		}
	}
}

// someOf draws n of the examples of a file; 0 are all.
func someOf[E any](all []E, n int, seed uint64, file string) ([]E, error) {
	if n > len(all) {
		return nil, usagef("--examples %d: %s has %d", n, file, len(all))
	}
	if n == 0 {
		return all, nil
	}
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
	return all[:n], nil
}
