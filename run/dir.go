package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/store"
)

// Dir is the directory of a run.
type Dir string

// Names of recipes in a run's directory.
const (
	recipeName = "recipe.toml"
	tunedName  = "finetune.toml"
)

// RecipePath is the file with every setting of a training run.
func (d Dir) RecipePath() string { return filepath.Join(string(d), recipeName) }

// TunedPath is the file with every setting of a fine-tuning run.
func (d Dir) TunedPath() string { return filepath.Join(string(d), tunedName) }

// MetricsPath is the file with a line for each step and evaluation.
func (d Dir) MetricsPath() string { return filepath.Join(string(d), "metrics.jsonl") }

// SamplesPath is the file with samples.
func (d Dir) SamplesPath() string { return filepath.Join(string(d), "samples.txt") }

// Checkpoints is the folder of the checkpoints; best and latest in it are names of two of them.
func (d Dir) Checkpoints() string { return filepath.Join(string(d), "checkpoints") }

// Best is the checkpoint with the lowest validation loss.
func (d Dir) Best() string { return filepath.Join(d.Checkpoints(), checkpoint.Best) }

// Latest is the last checkpoint.
func (d Dir) Latest() string { return filepath.Join(d.Checkpoints(), checkpoint.Latest) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// vacant refuses a run directory that is not empty, and says which process is using it. An empty
// name is accepted: the directory will be named by the time.
func vacant(dir string) error {
	if dir == "" {
		return nil
	}
	if store.IsURL(dir) {
		return vacantURL(dir)
	}
	if exists(filepath.Join(dir, checkpoint.ClaimName)) {
		claimed, err := checkpoint.Claim(dir)
		if err != nil {
			return err
		}
		defer claimed.Release()
	}
	return empty(dir)
}

// empty refuses a run directory that contains more than the mark of the process using it.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil { // it does not exist yet, or making it will fail and say why
		return nil
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == checkpoint.ClaimName })
	switch {
	case len(entries) == 0:
		return nil
	case exists(Dir(dir).RecipePath()):
		return fmt.Errorf("%s exists and is not empty; choose another --out, or continue it with --resume %s", dir, dir)
	}
	return fmt.Errorf("%s exists and is not empty; choose another --out", dir)
}

// Remove removes the directory of a run. It is an error if another process is using the run, or if
// the folder is not that of a run and not empty; it then stays.
func (d Dir) Remove() error {
	if !exists(d.RecipePath()) && !exists(d.TunedPath()) {
		return vacant(string(d))
	}
	claimed, err := checkpoint.Claim(string(d))
	if err != nil {
		return err
	}
	defer claimed.Release()
	return os.RemoveAll(string(d))
}

// newDir makes the directory of a new run, which is out, or is named by name and the time, and
// claims it for this process. It never overwrites anything. If out is a URL, the directory is one
// in runs whose checkpoints are sent to the URL.
func newDir(out, name string) (dir string, claimed *checkpoint.Claimed, err error) {
	if out, err = store.Local(out); err == nil {
		err = vacant(out)
	}
	if err != nil {
		return "", nil, err
	}
	if store.IsURL(out) {
		dir, claimed, err := newDir("", store.Base(out))
		if err == nil {
			err = wholefile.Write(filepath.Join(dir, remoteName), []byte(out+"\n"))
		}
		return dir, claimed, err
	}
	if dir = out; dir == "" {
		dir, err = newName(filepath.Join("runs", name+"-"+time.Now().Format("20060102-150405")))
	} else {
		err = os.MkdirAll(dir, 0o777)
	}
	if err == nil {
		claimed, err = checkpoint.Claim(dir)
	}
	if err != nil {
		return "", nil, fmt.Errorf("--out: %w", err)
	}
	if err := empty(dir); err != nil { // another process was quicker
		claimed.Release()
		return "", nil, err
	}
	return dir, claimed, nil
}

// newName makes a directory with a name that no other process gets: two runs may begin in the same
// second.
func newName(base string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(base), 0o777); err != nil {
		return "", err
	}
	for dir, n := base, 2; ; n++ {
		if err := os.Mkdir(dir, 0o777); !errors.Is(err, fs.ErrExist) {
			return dir, err
		}
		dir = fmt.Sprintf("%s-%d", base, n)
	}
}
