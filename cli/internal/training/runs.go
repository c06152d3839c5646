package training

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/run"
)

func newRuns() *cobra.Command {
	var (
		plot   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "runs DIR…",
		Short: "Compare training runs in a table, and their curves in one picture",
		Long: `Compare training runs in a table, and their curves in one picture.

Each DIR is a run directory, or a folder of run directories. The training loss is the mean
over the last 100 steps, or over all if there are fewer. Validation loss and bits per byte
are those of the last evaluation; bits per byte can be compared across tokenizers. Runs may
still be in progress.`,
		Example: `  gorgpt runs runs
  gorgpt runs runs/a runs/b --plot compare.png`,
		Args: command.Args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var bad []error // of runs that cannot be read
			dirs, err := run.Find(args...)
			if err != nil {
				return err
			}
			var all []*run.Summary
			for _, dir := range dirs {
				r, err := run.Summarize(dir)
				if err != nil && !slices.Contains(args, string(dir)) { // the others in its folder can be compared
					bad = append(bad, err)
					continue
				}
				if err != nil {
					return err
				}
				if r.Damage != nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v; left out\n", dir.MetricsPath(), r.Damage)
				}
				all = append(all, r)
			}
			if len(all) == 0 && len(bad) > 0 {
				return bad[0]
			}
			for _, err := range bad {
				fmt.Fprintf(cmd.ErrOrStderr(), "%v; left out\n", err)
			}
			if plot != "" {
				if err := run.Draw(plot, all); err != nil {
					return err
				}
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"runs": all})
			}
			return writeRuns(cmd.OutOrStdout(), all)
		},
	}
	cmd.Flags().StringVar(&plot, "plot", "", "draw the losses of all runs into this PNG file; from the eighth run on, lines are dashed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func writeRuns(out io.Writer, runs []*run.Summary) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "run\tmodel\tstep\ttokens\tloss\tval loss\tbits/byte\tbest\tat\ttokens/s\ttime")
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
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Dir, model, step, plural.Thousands(r.Tokens),
			number(r.Loss, "%.4f"), number(r.ValLoss, "%.4f"), number(r.Bits, "%.4f"), number(r.Best, "%.4f"), at, number(r.Speed, "%.0f"),
			time.Duration(r.Seconds*float64(time.Second)).Round(time.Second))
	}
	return w.Flush()
}
