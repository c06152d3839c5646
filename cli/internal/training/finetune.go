package training

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/cluster"
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/run"
)

func newFinetune() *cobra.Command {
	var (
		recipe      run.TunedRecipe
		out, resume string
		asJSON      bool
		joining     *cluster.Options
	)
	cmd := &cobra.Command{
		Use:   "finetune [RECIPE] --task NAME --data DIR --from DIR",
		Short: "Fine-tune a model on a task, as GPT-1 did",
		Long: `Fine-tune a model on a task, as GPT-1 did: a linear head on the state at a classify token is trained
together with the model, on the task's loss plus --lambda times the language model's.

--data is a folder with one file whose name contains "train" and one whose name contains "dev" or
"val"; or name the files with --train and --dev. Without a dev file, a tenth of the training file is
held out. A task of your own is a CSV, TSV, JSON-lines or Parquet file: give --kind and the names of
its columns.

After each epoch the model is measured on the dev set, and the best is kept. An interrupt saves the
run in checkpoints/latest; --resume continues it as if it had never been stopped. The run directory has
metrics.jsonl, predictions.tsv, confusion.png, checkpoints/best, which gorgpt classify uses, and
finetune.toml, a recipe that repeats the run. A recipe may set any of the flags, with _ for -.

Tasks: ` + taskNames() + `.`,
		Example: `  gorgpt finetune --task rte --data glue/rte --from DIR
  gorgpt finetune --pairs dialogues.jsonl --template tldr --from DIR      # then gorgpt eval --on summarize
  gorgpt finetune --resume runs/rte-20260102-150405
  gorgpt finetune --kind classification --text review --label stars --train reviews.csv --from DIR --lr 1e-4`,
		Args: command.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			world, err := command.Join(cmd, joining)
			if err != nil {
				return err
			}
			if resume, err = fetched(resume, cmd.ErrOrStderr()); err != nil {
				return err
			}
			t, err := beginTuning(&recipe, args, out, resume, cmd, world)
			if err != nil {
				return err
			}
			world.Fast = t.Recipe.Fast()
			return tune(cmd, t, asJSON, world.Rank() == 0)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	recipe.Settings().Flags(f)
	f.StringVar(&out, "out", "", "run directory (default: runs/TASK-TIME), or the URL of an object store, to which the run's checkpoints and logs are uploaded")
	f.StringVar(&resume, "resume", "", "run directory, or its URL, to resume from its latest checkpoint")
	joining = command.RankFlags(cmd)
	f.BoolVar(&asJSON, "json", false, "print the metrics of the best epoch, and of every epoch, as one JSON object")
	return cmd
}

func taskNames() string {
	var names []string
	for _, t := range tasks.All() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// beginTuning creates a run, or opens one to resume.
func beginTuning(recipe *run.TunedRecipe, args []string, out, resume string, cmd *cobra.Command, world *cluster.World) (*run.Tuning, error) {
	given := cmd.Flags().Changed
	if resume != "" {
		for _, s := range recipe.Settings() {
			if given(s.Name) || len(args) > 0 || out != "" {
				return nil, usage.Errorf("--resume uses the run's own recipe and directory; leave out RECIPE and all flags but --json")
			}
		}
		return run.ResumeTunedOn(world, run.Dir(resume), cmd.ErrOrStderr())
	}
	for _, file := range args {
		if _, err := recipe.Settings().Read(file, given); err != nil {
			return nil, err
		}
	}
	if recipe.Pairs != "" && given("json") {
		return nil, usage.Errorf("--pairs cannot be combined with --task, --kind, --data, --train, --fresh or --json")
	}
	if err := recipe.Validate(); err != nil {
		return nil, err
	}
	if err := recipe.CheckGiven(given); err != nil {
		return nil, err
	}
	return run.CreateTunedOn(world, *recipe, out, cmd.ErrOrStderr())
}

// tune trains, and prints the results.
func tune(cmd *cobra.Command, t *run.Tuning, asJSON, tells bool) (err error) {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	defer func() { err = errors.Join(err, command.Closing(cmd.Context(), t)) }()
	if asJSON && t.Recipe.Pairs != "" {
		return usage.Errorf("--json is only for a task, and %s is a run of --pairs", t.Dir)
	}
	end := command.Stopping(cmd.Context(), t.Progress)
	err = t.Train(cmd.Context())
	end()
	if step, saved := t.Saved(); err != nil && saved {
		fmt.Fprintf(stderr, "stopped after update %d of %d: the weights are saved in %s\nresume with: gorgpt finetune --resume %s\n", step, t.Trainer.Steps, t.Dir.Latest(), t.Dir)
	}
	switch {
	case err != nil || !tells:
		return err
	case asJSON:
		return printTuned(stdout, t)
	case t.Best != nil:
		err = printBest(stdout, t)
	default:
		_, err = fmt.Fprintf(stdout, "loss of responses %.4f at step %d, %.4f at step %d\n", t.First.Loss, t.First.Step, t.Last.Loss, t.Last.Step)
	}
	if err == nil {
		_, err = fmt.Fprintln(stdout, t.Dir)
	}
	return err
}

// printTuned prints the metrics of all epochs as a JSON object.
func printTuned(w io.Writer, t *run.Tuning) error {
	var epochs []map[string]any
	for _, e := range t.Epochs {
		epochs = append(epochs, map[string]any{"epoch": e.Epoch, "loss": e.Loss, "metrics": e.Metrics})
	}
	object := map[string]any{
		"task": t.Description.Task, "epoch": t.Best.Epoch, "loss": t.Best.Loss, "metrics": t.Best.Metrics,
		"examples": t.Measured, "run": t.Dir, "epochs": epochs,
	}
	if len(t.Description.Labels) > 0 {
		classes := make(map[string]tasks.ClassScore)
		for i, s := range t.ClassScores() {
			classes[t.Description.Labels[i]] = s
		}
		object["classes"] = classes
	}
	if slices.Contains(t.Description.Metrics, "f1") {
		object["positive"] = t.Description.Labels[1]
	}
	return json.NewEncoder(w).Encode(object)
}

// printBest prints the metrics of the best epoch, and for a task with classes also those of each class
// and the confusion matrix.
func printBest(out io.Writer, t *run.Tuning) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "best epoch\t%d\n", t.Best.Epoch)
	labels := t.Description.Labels
	for _, name := range t.Description.Metrics {
		fmt.Fprintf(w, "%s\t%.4f\n", run.MetricName(name, labels), t.Best.Metrics[name])
	}
	confused, err := t.Confusions()
	if err != nil || confused == nil {
		return errors.Join(err, w.Flush())
	}
	fmt.Fprintf(w, "\nclass\tprecision\trecall\tf1\texamples\n")
	for i, s := range t.ClassScores() {
		fmt.Fprintf(w, "%s\t%.4f\t%.4f\t%.4f\t%d\n", labels[i], s.Precision, s.Recall, s.F1, s.Examples)
	}
	fmt.Fprintf(w, "\ntruth \\ predicted\t%s\n", strings.Join(labels, "\t"))
	for i, row := range confused {
		fmt.Fprint(w, labels[i])
		for _, n := range row {
			fmt.Fprintf(w, "\t%d", n)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
