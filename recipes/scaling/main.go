// Command scaling measures on a small scale how the loss falls with weights, text and compute: it
// trains models of nine sizes on the source of Go's standard library with several budgets of FLOPs,
// and fits scaling laws to the losses (Kaplan et al. 2020, Hoffmann et al. 2022).
//
//	go run ./recipes/scaling --out runs/scaling
//
// Each run has a folder in --out. Finished runs are not repeated and an interrupted one continues, so
// that the same command resumes the study. The tables are written to standard output in Markdown, the
// points and the pictures to --out. README.md has the results and what they mean.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
	"github.com/gorgpt/gorgpt/run"
)

// study holds the arguments of the command.
type study struct {
	data, out       string
	sizes, budgets  []string
	jobs, resamples int
	fitOnly         bool
	table, progress io.Writer

	length float64 // bytes of the training text
	train  func(ctx context.Context, r studies.Run) error
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(studies.TrainOne).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		os.Exit(1)
	}
}

func command(train func(context.Context, studies.Run) error) *cobra.Command {
	s := study{train: train}
	cmd := &cobra.Command{
		Use: "scaling --out DIR", Short: "Measure a scaling law on a small scale",
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
	f.StringVar(&s.data, "data", run.Defaults().Data, "text to train on, as in gorgpt train --data; its tokens are bytes")
	f.StringSliceVar(&s.sizes, "sizes", names, "models to train, named by their approximate number of weights outside of the embeddings")
	f.StringSliceVar(&s.budgets, "budgets", []string{"3e11", "1e12", "3e12", "1e13", "3e13"}, "budgets of the runs, in FLOPs")
	f.IntVar(&s.jobs, "jobs", 2, "runs at the same time, which share the cores")
	f.IntVar(&s.resamples, "resamples", 400, "number of fits to resampled points, for the intervals")
	f.BoolVar(&s.fitOnly, "fit", false, "train nothing, and fit the runs that are finished")
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
	var all []studies.Run
	for _, p := range points { // before time is spent on training
		all = append(all, s.runOf(p))
		if err := s.runOf(p).Check(); err != nil {
			return err
		}
	}
	if !s.fitOnly {
		if err := os.MkdirAll(s.out, 0o777); err != nil {
			return err
		}
		if err := studies.TrainAll(ctx, all, s.jobs, s.progress, s.train); err != nil {
			return err
		}
	}
	var results []result
	for _, p := range points {
		loss, done, err := s.runOf(p).Loss()
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

// plan returns the runs that the flags ask for.
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

// runOf returns the run of a point.
func (s *study) runOf(p point) studies.Run {
	return studies.Run{Dir: run.Dir(filepath.Join(s.out, p.name())), Recipe: p.recipe(s.data)}
}
