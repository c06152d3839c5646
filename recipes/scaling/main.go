// Command scaling measures how the loss falls with weights, text and compute, in small: models of
// nine sizes trained on the source of Go's standard library with a few budgets of FLOPs, and
// the laws that fit (Kaplan et al. 2020, Hoffmann et al. 2022).
//
//	go run ./recipes/scaling --out runs/scaling
//
// Each run has a folder of --out. Those that are done are not done again and an interrupted one goes
// on, so that the same command goes on with all. The tables are Markdown on standard output; the
// points and the pictures lie in --out. README.md tells what came of it, and what it means.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/run"
)

// study is what is asked for.
type study struct {
	data, out       string
	sizes, budgets  []string
	jobs, resamples int
	fitOnly         bool
	table, progress io.Writer

	length float64 // bytes of the text that is trained on
	train  func(ctx context.Context, recipe run.Recipe, dir string) error
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(trainOne).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		os.Exit(1)
	}
}

func command(trainOne func(context.Context, run.Recipe, string) error) *cobra.Command {
	s := study{train: trainOne}
	cmd := &cobra.Command{
		Use: "scaling --out DIR", Short: "A scaling law in small",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.table, s.progress = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return s.run(cmd.Context())
		},
	}
	var names []string
	for _, size := range sizes {
		names = append(names, size.name)
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.out, "out", "runs/scaling", "folder of the runs")
	f.StringVar(&s.data, "data", run.Defaults().Data, "text, as gorgpt train takes it; it is read as bytes")
	f.StringSliceVar(&s.sizes, "sizes", names, "models, by about how many weights they have outside of the embeddings")
	f.StringSliceVar(&s.budgets, "budgets", []string{"3e11", "1e12", "3e12", "1e13", "3e13"}, "FLOPs of a run")
	f.IntVar(&s.jobs, "jobs", 2, "runs at once, which share the cores")
	f.IntVar(&s.resamples, "resamples", 400, "how often fits are repeated, on resampled points, for the intervals")
	f.BoolVar(&s.fitOnly, "fit", false, "train nothing: fit what is done so far")
	return cmd
}

func (s *study) run(ctx context.Context) error {
	switch {
	case s.out == "":
		return usage.Errorf("--out is empty: want a folder")
	case s.jobs < 1:
		return usage.Errorf("--jobs %d: want 1 or more", s.jobs)
	case s.resamples < 1:
		return usage.Errorf("--resamples %d: want 1 or more", s.resamples)
	}
	points, err := s.plan()
	if err != nil {
		return err
	}
	if err := enough(points); err != nil {
		return err
	}
	for _, p := range points { // before an hour is spent
		if err := s.sameSettings(p); err != nil {
			return err
		}
	}
	if !s.fitOnly {
		if err := s.trainAll(ctx, points); err != nil {
			return err
		}
	}
	var results []result
	for _, p := range points {
		loss, done, err := s.done(p)
		if err != nil {
			return err
		}
		if done {
			results = append(results, result{p, loss})
		}
	}
	slices.SortStableFunc(results, func(a, b result) int {
		return cmp.Or(cmp.Compare(a.budget, b.budget), cmp.Compare(a.seed, b.seed), cmp.Compare(math.Abs(a.factor-1), math.Abs(b.factor-1)), a.params-b.params)
	})
	fmt.Fprintf(s.table, "%d of %d runs are done.\n\n", len(results), len(points))
	return s.report(results)
}

// plan makes the runs of the flags.
func (s *study) plan() ([]point, error) {
	var chosen []counted
	for _, name := range s.sizes {
		size, err := findSize(name)
		if err != nil {
			return nil, err
		}
		c, err := size.count()
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, c)
	}
	slices.SortFunc(chosen, func(a, b counted) int { return a.params - b.params })
	chosen = slices.Compact(chosen)
	var budgets []float64
	for _, text := range s.budgets {
		c, err := strconv.ParseFloat(text, 64)
		if err != nil || !(c > 0) || math.IsInf(c, 0) {
			return nil, usage.Errorf("--budgets %s: want FLOPs above 0, as in 1e12", text)
		}
		budgets = append(budgets, c)
	}
	slices.Sort(budgets)
	budgets = slices.Compact(budgets)
	if len(chosen) == 0 || len(budgets) == 0 {
		return nil, usage.Errorf("--sizes and --budgets: want one or more of each")
	}
	r := run.Defaults()
	text, err := corpus.Open(corpus.Spec{Data: s.data, Validation: r.Validation, Field: r.Field, BadRecords: r.BadRecords})
	if err != nil {
		return nil, err
	}
	training, _ := text.Parts()
	for _, source := range training {
		s.length += float64(source.Size())
	}
	return runs(budgets, chosen, s.length)
}

func (s *study) trainAll(ctx context.Context, points []point) error {
	if err := os.MkdirAll(s.out, 0o777); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.jobs)
	for _, p := range points {
		group.Go(func() error {
			if _, done, err := s.done(p); done || err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			dir := s.folder(p)
			if err := s.train(ctx, p.recipe(s.data), string(dir)); err != nil {
				return fmt.Errorf("%s: %w", dir, err)
			}
			loss, done, err := s.done(p)
			if err != nil || !done {
				return errors.Join(err, ctx.Err()) // interrupted
			}
			fmt.Fprintf(s.progress, "%s: %.4f\n", dir, loss)
			// The weights are not looked at again, and would be 100 MB a run.
			return os.RemoveAll(dir.Checkpoints())
		})
	}
	return group.Wait()
}

// folder is where a run lies.
func (s *study) folder(p point) run.Dir { return run.Dir(filepath.Join(s.out, p.name())) }

// sameSettings refuses a folder with another recipe than the point's.
func (s *study) sameSettings(p point) error {
	dir := s.folder(p)
	was, err := dir.Recipe()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	want := p.recipe(s.data)
	if line, now := firstUnlike(was.Text(), want.Text()); line != now {
		return usage.Errorf("%s has a run with %s, not %s; give another --out", dir, line, now)
	}
	return nil
}

// firstUnlike are the first lines in which two texts differ, or the last.
func firstUnlike(a, b []byte) (x, y string) {
	for a, b := string(a), string(b); a != "" && x == y; {
		x, a, _ = strings.Cut(a, "\n")
		y, b, _ = strings.Cut(b, "\n")
	}
	return x, y
}

// done tells whether a run has ended, and its loss.
func (s *study) done(p point) (loss float64, done bool, err error) {
	dir := s.folder(p)
	summary, err := run.Summarize(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	// It is evaluated before the first step and after the last.
	if summary.Best == nil || summary.BestStep < p.steps {
		return 0, false, nil
	}
	if !(*summary.Best > 0) {
		return 0, false, fmt.Errorf("%s: a validation loss of %v, of which there is no logarithm; take the folder away to train it again", dir.MetricsPath(), *summary.Best)
	}
	return *summary.Best, true, nil
}

// trainOne begins a run or goes on with it.
func trainOne(ctx context.Context, recipe run.Recipe, dir string) (err error) {
	r, err := open(recipe, run.Dir(dir))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return r.Train(ctx)
}

func open(recipe run.Recipe, dir run.Dir) (*run.Run, error) {
	if _, err := os.Lstat(dir.Latest()); err == nil {
		return run.Resume(dir, recipe, run.Options{})
	}
	if err := dir.Remove(); err != nil { // stopped before there was anything to go on from
		return nil, err
	}
	return run.Create(recipe, string(dir), run.Options{})
}
