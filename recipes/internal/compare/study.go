// Package compare compares variants of a model, with other architectures or ways of training, over several seeds:
// what each gains at equal steps, and at equal seconds.
package compare

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
	"github.com/gorgpt/gorgpt/run"
)

// Study describes what is compared. Each run has a folder in --out. Finished runs are not repeated and an interrupted
// one continues, so that the same command resumes the study. The tables are written to standard output in Markdown;
// the points, the step times and the picture to --out.
type Study struct {
	Name, Short string    // of the command
	Title       string    // of the picture
	Variants    []Variant // all rows of the tables
}

// study holds the arguments of the command, and its state.
type study struct {
	Study
	out, data           string
	names               []string
	steps, seeds, jobs  int
	evalBatches, rounds int
	fitOnly, timesAgain bool
	table, progress     io.Writer

	variants []Variant
	rates    map[string]float64 // learning rates, by the name of the swept variant
	train    trainer
	measure  meter
}

// trainer performs a run, and meter returns the seconds per step of each variant.
type (
	trainer func(ctx context.Context, r studies.Run) error
	meter   func(ctx context.Context, s *study) (map[string]float64, error)
)

// Main runs the command of a study and exits on an error.
func Main(of Study) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := Command(of).ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", of.Name, err)
		os.Exit(1)
	}
}

// Command returns the command of a study.
func Command(of Study) *cobra.Command { return command(of, studies.TrainOne, measure) }

func command(of Study, train trainer, measure meter) *cobra.Command {
	s := study{Study: of, train: train, measure: measure, rates: make(map[string]float64)}
	cmd := &cobra.Command{
		Use: of.Name, Short: of.Short,
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.table, s.progress = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return s.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.out, "out", "runs/"+of.Name, "folder of the runs")
	f.StringVar(&s.data, "data", run.Defaults().Data, "text to train on, as in gorgpt train --data; its tokens are bytes")
	f.StringSliceVar(&s.names, "variants", nil, "variants to run, with those that they are compared with (none: all)")
	f.IntVar(&s.steps, "steps", 1500, "updates per run")
	f.IntVar(&s.evalBatches, "eval-batches", 96, "batches of the validation text per evaluation, the same for all runs")
	f.IntVar(&s.seeds, "seeds", 3, "runs of each variant, with random seeds of weights and order")
	f.IntVar(&s.jobs, "jobs", 2, "runs at the same time, which share the cores")
	f.IntVar(&s.rounds, "rounds", 40, "steps of each variant to time, in turns")
	f.BoolVar(&s.timesAgain, "time", false, "measure the times of steps again")
	f.BoolVar(&s.fitOnly, "fit", false, "train nothing, and make the tables of the runs that are finished")
	return cmd
}

func (s *study) run(ctx context.Context) error {
	switch {
	case s.out == "":
		return usage.Errorf("--out is empty: want a folder")
	case s.steps < 20:
		return usage.Errorf("--steps %d: want 20 or more", s.steps)
	case s.seeds < 1 || s.jobs < 1 || s.rounds < 1 || s.evalBatches < 1:
		return usage.Errorf("--seeds, --jobs, --rounds and --eval-batches: want 1 or more")
	}
	var err error
	if s.variants, err = s.choose(); err != nil {
		return err
	}
	if err := s.sweep(ctx); err != nil {
		return err
	}
	points := s.points()
	for _, begun := range []bool{false, true} { // points that start from the weights of others come after these
		if err := s.trainAll(ctx, points, begun); err != nil {
			return err
		}
	}
	times, err := s.times(ctx)
	if err != nil {
		return err
	}
	return s.report(points, times)
}

// trainAll trains the points that are not finished, unless --fit is given: if begun, those that start from the weights of
// another point, otherwise the rest.
func (s *study) trainAll(ctx context.Context, points []point, begun bool) error {
	var all []studies.Run
	for _, p := range points {
		if (p.From != "") != begun {
			continue
		}
		r, err := s.runOf(p)
		if err != nil {
			return err
		}
		if err := r.Check(); err != nil { // before any of them is trained
			return err
		}
		all = append(all, r)
	}
	if s.fitOnly {
		return nil
	}
	if err := os.MkdirAll(s.out, 0o777); err != nil {
		return err
	}
	return studies.TrainAll(ctx, all, s.jobs, s.progress, s.train)
}
