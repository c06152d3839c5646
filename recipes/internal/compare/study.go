// Package compare is a study of variants of a model, of other architectures or ways of training, over seeds: what
// each gains at equal steps, and at equal seconds.
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

// Study is what is compared. Each run has a folder of --out. Those that are done are not done again and an
// interrupted one goes on, so that the same command goes on with all. The tables are Markdown on standard output;
// the points, the step times and the picture lie in --out.
type Study struct {
	Name, Short string    // of the command
	Title       string    // of the picture
	Variants    []Variant // all rows of the tables
}

// study is what is asked for.
type study struct {
	Study
	out, data           string
	names               []string
	steps, seeds, jobs  int
	evalBatches, rounds int
	fitOnly, timesAgain bool
	table, progress     io.Writer

	variants []Variant
	rates    map[string]float64 // learning rates by the variant that was swept
	train    trainer
	measure  meter
}

// trainer does a run, and meter tells the seconds of a step of each variant.
type (
	trainer func(ctx context.Context, r studies.Run) error
	meter   func(ctx context.Context, s *study) (map[string]float64, error)
)

// Main is a program that does a study.
func Main(of Study) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := Command(of).ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", of.Name, err)
		os.Exit(1)
	}
}

// Command is the command of a study.
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
	f.StringVar(&s.data, "data", run.Defaults().Data, "text, as gorgpt train takes it; it is read as bytes")
	f.StringSliceVar(&s.names, "variants", nil, "rows of the table beside what they are compared with (none: all)")
	f.IntVar(&s.steps, "steps", 1500, "updates of a run")
	f.IntVar(&s.evalBatches, "eval-batches", 96, "batches of the validation text that a loss is of, the same for all")
	f.IntVar(&s.seeds, "seeds", 3, "runs of each: seeds of weights and order")
	f.IntVar(&s.jobs, "jobs", 2, "runs at once, which share the cores")
	f.IntVar(&s.rounds, "rounds", 40, "steps of each variant that are timed, in turns")
	f.BoolVar(&s.timesAgain, "time", false, "measure the time of a step again")
	f.BoolVar(&s.fitOnly, "fit", false, "train nothing: make the tables of what is done so far")
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
	for _, begun := range []bool{false, true} { // those that begin with the weights of others come after these
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

// trainAll trains those points that are not done, unless nothing is to be trained: those that begin with other weights, or
// the others.
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
		if err := r.Check(); err != nil { // before the first of them is trained
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
