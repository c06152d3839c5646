package run

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/store"
)

// files finds the files to train and to evaluate on; the second may be missing.
func (r TunedRecipe) files() (learn, dev string, err error) {
	for _, at := range []*string{&r.Train, &r.Dev, &r.Data} {
		if *at, err = store.Fetch(*at); err != nil {
			return "", "", err
		}
	}
	if err := cmp.Or(notFolder("train", r.Train), notFolder("dev", r.Dev)); err != nil {
		return "", "", err
	}
	learn, dev = r.Train, r.Dev
	if r.Data == "" {
		return learn, dev, sameFile(learn, dev)
	}
	entries, err := os.ReadDir(r.Data)
	if errors.Is(err, syscall.ENOTDIR) {
		err = fmt.Errorf("%w; want the folder of the task's files, or give the files with --train and --dev", err)
	}
	if err != nil {
		return "", "", fmt.Errorf("--data: %w", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if learn == "" {
		if learn, err = r.fileFor("train", names, trains); err != nil {
			return "", "", err
		}
	}
	if dev == "" {
		others := slices.DeleteFunc(names, func(name string) bool { return same(filepath.Join(r.Data, name), learn) })
		if dev, err = r.fileFor("dev", others, measures); err != nil {
			return "", "", err
		}
	}
	if learn == "" && r.Dev == "" {
		learn, dev = dev, ""
	}
	switch {
	case learn == "" && r.Dev == "":
		return "", "", fmt.Errorf("--data: no file in %s has train, dev or val in its name; give --train and --dev", r.Data)
	case learn == "":
		return "", "", fmt.Errorf("--data: no file in %s has train in its name; give --train", r.Data)
	}
	return learn, dev, sameFile(learn, dev)
}

// fileFor returns the one file of --data whose name fits, or "" if there is none. A name that is just train, dev or the
// like takes precedence.
func (r TunedRecipe) fileFor(flag string, names []string, fits func(word string) bool) (string, error) {
	var found, exact []string
	for _, name := range names {
		lower := strings.ToLower(name)
		words := strings.FieldsFunc(lower, func(c rune) bool { return !unicode.IsLetter(c) })
		if !slices.ContainsFunc(words, fits) || strings.Contains(lower, "labels") {
			continue
		}
		found = append(found, name)
		if base, _, _ := strings.Cut(lower, "."); slices.Contains([]string{"train", "dev", "val", "valid", "validation"}, base) {
			exact = append(exact, name)
		}
	}
	if len(exact) > 0 {
		found = exact
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return filepath.Join(r.Data, found[0]), nil
	}
	return "", fmt.Errorf("--data: %s has %s; choose one with --%s", r.Data, strings.Join(found, ", "), flag)
}

// trains reports whether a word in the name of a file says that it is for training, and measures whether it is for
// measuring.
func trains(word string) bool { return strings.Contains(word, "train") }

func measures(word string) bool {
	return strings.Contains(word, "dev") || strings.HasPrefix(word, "val") || strings.HasPrefix(word, "eval")
}

// read reads the examples.
func (t *Tuning) read() (task tasks.Task, learn, dev tasks.Set, err error) {
	r := t.Recipe
	learnFile, devFile, err := r.files()
	if err != nil {
		return
	}
	if r.Task != "" {
		task, _ = tasks.Find(r.Task)
		learn, err = task.Read(learnFile)
	} else {
		var columns tasks.Columns
		if columns, err = r.columns(); err == nil {
			task, learn, err = columns.Read(learnFile, tasks.Kind(r.Kind), nil)
		}
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
			err = fmt.Errorf("%s: %s, too few to hold out a tenth: give at least 10, or --dev", learnFile, plural.Of(len(learn.Examples), "example"))
			return
		}
	}
	if learn.Examples, err = someOf(learn.Examples, r.Examples, r.Seed, learnFile); err != nil {
		return
	}
	if task, err = task.Fit(learn.Examples); err != nil {
		err = fmt.Errorf("%s: %w", learnFile, err)
		return
	}
	fmt.Fprintf(t.log, "%s, %s: %d examples to train on from %s", task.Name, task.Kind, len(learn.Examples), learnFile)
	if n := learn.Skipped + dev.Skipped; n > 0 {
		fmt.Fprintf(t.log, " (%d left out: no label, or a broken line)", n)
	}
	fmt.Fprintf(t.log, ", %d to measure on\n", len(dev.Examples))
	if _, alike := task.Fit(dev.Examples); alike != nil {
		fmt.Fprintf(t.log, "dev set: %v\n", alike)
	}
	t.sayScale(task, dev)
	if r.Task != "" && r.Examples == 0 {
		t.sayUnseen(task, learn, dev)
	}
	return
}

// sayUnseen logs the classes that no example has: the files may be those of another task.
func (t *Tuning) sayUnseen(task tasks.Task, sets ...tasks.Set) {
	seen := make(map[int]bool)
	for _, set := range sets {
		for _, e := range set.Examples {
			seen[e.Label] = true
		}
	}
	var unseen []string
	for i, label := range task.Labels {
		if !seen[i] {
			unseen = append(unseen, label)
		}
	}
	if len(unseen) > 0 {
		fmt.Fprintf(t.log, "warning: no example has the label %s: are these files of %s?\n", strings.Join(unseen, " or "), task.Name)
	}
}

// sayScale logs how scores are predicted, and how many cannot be.
func (t *Tuning) sayScale(task tasks.Task, dev tasks.Set) {
	switch {
	case !task.Regression:
	case task.Deviation > 0:
		fmt.Fprintf(t.log, "scores from %g to %g: one output with the squared error; mean %.6g, deviation %.6g\n", task.Low, task.High, task.Mean, task.Deviation)
	default:
		fmt.Fprintf(t.log, "scores from %g to %g: an output for each whole number\n", task.Low, task.High)
		beyond := 0
		for _, e := range dev.Examples {
			if e.Score < task.Low || e.Score > task.High {
				beyond++
			}
		}
		if beyond > 0 {
			fmt.Fprintf(t.log, "%s in the dev set outside this range, which the model cannot predict\n", plural.Of(beyond, "score"))
		}
	}
}

// sameFile refuses a file both to train and to measure on.
func sameFile(learn, dev string) error {
	if same(learn, dev) {
		return fmt.Errorf("--dev: %s is the file to train on; without --dev, a tenth of it is held out", dev)
	}
	return nil
}

// same reports whether two names are of one file.
func same(a, b string) bool {
	one, err1 := os.Stat(a)
	other, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(one, other)
}

// notFolder refuses a folder where a file is needed.
func notFolder(flag, file string) error {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("--%s: %s is a folder; want a file, or give the folder of the task's files with --data", flag, file)
	}
	return nil
}
