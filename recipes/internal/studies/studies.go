// Package studies performs the many runs of a study, each once, and writes tables of them.
package studies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/run"
)

// Run is a run of a study: a folder, and what is trained there. Its recipe evaluates the model after
// the last step and not before: EvalEvery is Steps.
type Run struct {
	Dir    run.Dir
	Recipe run.Recipe
	Edits  []graph.Option // of the model
	Keep   bool           // keep its weights, because other runs start from them
}

// Check returns an error if the folder has a run with another recipe.
func (r Run) Check() error {
	was, err := r.Dir.Recipe()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if line, now := firstUnlike(was.Text(), r.Recipe.Text()); line != now {
		return usage.Errorf("%s has a run with %s, not %s; give another --out", r.Dir, line, now)
	}
	return nil
}

// firstUnlike returns the first lines in which two texts differ, or the last lines.
func firstUnlike(a, b []byte) (x, y string) {
	for a, b := string(a), string(b); a != "" && x == y; {
		x, a, _ = strings.Cut(a, "\n")
		y, b, _ = strings.Cut(b, "\n")
	}
	return x, y
}

// Loss returns the validation loss after the last step, if the run has ended.
func (r Run) Loss() (loss float64, done bool, err error) {
	summary, err := run.Summarize(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil || summary.Best == nil || summary.BestStep < r.Recipe.Steps {
		return 0, false, err
	}
	if !(*summary.Best > 0) {
		return 0, false, fmt.Errorf("%s: a validation loss of %v, which has no logarithm; remove the folder to train it again", r.Dir.MetricsPath(), *summary.Best)
	}
	return *summary.Best, true, nil
}

// TrainOne starts a run or resumes it. If the folder is not that of a run, or another process is training in it,
// this is an error, and the folder stays as it is.
func TrainOne(ctx context.Context, r Run) (err error) {
	t, err := r.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return t.Train(ctx)
}

func (r Run) open() (*run.Run, error) {
	o := run.Options{Edits: r.Edits}
	if _, err := os.Lstat(r.Dir.Latest()); err == nil {
		return run.Resume(r.Dir, r.Recipe, o)
	}
	if err := r.Dir.Remove(); err != nil { // it was stopped before the first checkpoint
		return nil, err
	}
	return run.Create(r.Recipe, string(r.Dir), o)
}

// TrainAll performs the runs that are not finished, by calling train, in their order and with at most jobs at the
// same time. Weights from which no other run starts are removed.
func TrainAll(ctx context.Context, runs []Run, jobs int, progress io.Writer, train func(ctx context.Context, r Run) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	for _, r := range runs {
		group.Go(func() error {
			if _, done, err := r.Loss(); done || err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			if err := train(ctx, r); err != nil {
				return fmt.Errorf("%s: %w", r.Dir, err)
			}
			loss, done, err := r.Loss()
			if err != nil || !done {
				return errors.Join(err, ctx.Err()) // interrupted
			}
			fmt.Fprintf(progress, "%s: %.4f\n", r.Dir, loss)
			if r.Keep {
				return nil
			}
			return os.RemoveAll(r.Dir.Checkpoints())
		})
	}
	return group.Wait()
}
