package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/train"
)

func newRuns() *cobra.Command {
	var (
		plot   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "runs DIR…",
		Short: "Compare training runs: a table, and their curves in one picture",
		Long: `Compare training runs: a table, and their curves in one picture.

Each DIR is a run directory, or a folder of run directories. A loss of training is the
mean over the last 100 steps, or all there are. Runs that are still going on may be
looked at.`,
		Example: `  gorgpt runs runs
  gorgpt runs runs/a runs/b --plot compare.png`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dirs, err := runDirs(args)
			if err != nil {
				return err
			}
			var all []*runSummary
			for _, dir := range dirs {
				r, err := summarise(dir)
				if err != nil {
					return err
				}
				if r.damage != nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v; left out\n", metricsPath(dir), r.damage)
				}
				all = append(all, r)
			}
			if plot != "" {
				if err := drawRuns(plot, all); err != nil {
					return err
				}
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"runs": all})
			}
			return writeRuns(cmd.OutOrStdout(), all)
		},
	}
	cmd.Flags().StringVar(&plot, "plot", "", "draw the runs' losses over one another into this PNG; from the eighth run on, lines are dashed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// runDirs are the run directories among and directly below the given ones.
func runDirs(args []string) ([]string, error) {
	var dirs []string
	for _, arg := range args {
		if exists(metricsPath(arg)) {
			dirs = append(dirs, filepath.Clean(arg))
			continue
		}
		entries, err := os.ReadDir(cmp.Or(arg, "."))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: no such folder", arg)
		}
		before := len(dirs)
		for _, e := range entries {
			if dir := filepath.Join(arg, e.Name()); exists(metricsPath(dir)) {
				dirs = append(dirs, dir)
			}
		}
		if len(dirs) == before {
			return nil, fmt.Errorf("%s: no run: want a folder with metrics.jsonl, or one of such folders", arg)
		}
	}
	return dirs, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// runSummary is a run in a row, and an observer of its metrics.
type runSummary struct {
	Dir      string   `json:"dir"`
	Model    string   `json:"model,omitempty"`
	From     string   `json:"from,omitempty"` // of a fine-tuned model: what it was made from
	Task     string   `json:"task,omitempty"` // and for
	Step     int      `json:"step"`
	Steps    int      `json:"steps"`
	Tokens   int64    `json:"tokens"`
	Seconds  float64  `json:"seconds"`
	Loss     *float64 `json:"loss"`
	ValLoss  *float64 `json:"val_loss"`
	Best     *float64 `json:"best_val_loss"`
	BestStep int      `json:"best_step"`
	Speed    *float64 `json:"tokens_per_s"`
	Skipped  int      `json:"skipped"`

	damage *train.Damage // what of the metrics is none
	told   bool          // something was

	plot   *train.Plot
	losses []float64 // the last lossWindow
	speeds []float64
}

// lossWindow is the number of steps that a loss and a speed are taken over.
const lossWindow = 100

func summarise(dir string) (*runSummary, error) {
	r := &runSummary{Dir: dir, plot: train.NewPlot("")}
	recipe := defaults()
	switch err := recipe.read(recipePath(dir)); {
	case err == nil:
		r.Model, r.Steps = recipe.Model, recipe.Steps
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	default:
		if err := r.tuned(finetunePath(dir)); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(metricsPath(dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	err = train.Replay(f, r)
	damage := new(train.Damage)
	if errors.As(err, &damage) && r.told {
		r.damage, err = damage, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", metricsPath(dir), err)
	}
	if len(r.losses) > 0 {
		mean := 0.0
		for _, x := range r.losses {
			mean += x / float64(len(r.losses))
		}
		r.Loss = finite(mean)
		slices.Sort(r.speeds)
		r.Speed = finite(r.speeds[len(r.speeds)/2])
	}
	return r, nil
}

// tuned notes what a fine-tuned model was made from, and for.
func (r *runSummary) tuned(recipe string) error {
	f := newFinetune().Flags()
	switch err := readFlags(recipe, f, ofOneRun...); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	text := func(flag string) string { return f.Lookup(flag).Value.String() }
	r.From, r.Task = text("from"), cmp.Or(text("task"), text("pairs"), text("train"), text("data"))
	return nil
}

// finite is x for JSON, which has no NaN.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func (r *runSummary) OnStep(s train.Step) error {
	r.told = true
	r.Step, r.Tokens, r.Seconds = s.Step, s.Tokens, s.Seconds
	if s.Skipped {
		r.Skipped++
	}
	r.losses, r.speeds = append(r.losses, s.Loss), append(r.speeds, s.TokensPerSecond)
	if n := len(r.losses) - lossWindow; n > 0 {
		r.losses, r.speeds = r.losses[n:], r.speeds[n:]
	}
	return r.plot.OnStep(s)
}

func (r *runSummary) OnEvaluation(e train.Evaluation) error {
	r.told = true
	r.ValLoss = finite(e.Loss)
	if e.Step > 0 && r.ValLoss != nil && (r.Best == nil || e.Loss < *r.Best) {
		r.Best, r.BestStep = r.ValLoss, e.Step
	}
	r.plot.AddEvaluation(e)
	return nil
}

func writeRuns(out io.Writer, runs []*runSummary) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "run\tmodel\tstep\ttokens\tloss\tval loss\tbest\tat\ttokens/s\ttime")
	number := func(x *float64, format string) string {
		if x == nil {
			return "-"
		}
		return fmt.Sprintf(format, *x)
	}
	for _, r := range runs {
		model, step, at := cmp.Or(r.Model, "-"), strconv.Itoa(r.Step), "-"
		if r.From != "" {
			model = r.From + " for " + r.Task
		}
		if r.Steps > 0 {
			step += "/" + strconv.Itoa(r.Steps)
		}
		if r.Best != nil {
			at = strconv.Itoa(r.BestStep)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Dir, model, step, thousands(r.Tokens),
			number(r.Loss, "%.4f"), number(r.ValLoss, "%.4f"), number(r.Best, "%.4f"), at, number(r.Speed, "%.0f"),
			time.Duration(r.Seconds*float64(time.Second)).Round(time.Second))
	}
	return w.Flush()
}

func drawRuns(path string, runs []*runSummary) error {
	var names []string
	var plots []*train.Plot
	for _, r := range runs {
		names, plots = append(names, filepath.Base(r.Dir)), append(plots, r.plot)
	}
	return train.DrawRuns(path, names, plots)
}
