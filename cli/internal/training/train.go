package training

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/cluster"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/train"
)

const trainHelp = `Train a model on text.

Without arguments, train a small GPT-2 on the source of the Go standard library, for about a
minute on two cores. A recipe file may set any of the flags, with _ for -; flags on the
command line take precedence. The run directory has recipe.toml, metrics.jsonl,
TensorBoard events, loss.png, samples.txt and checkpoints/, whose best and latest are
Hugging Face model directories. An interrupt saves a checkpoint before the run ends; a
second one ends it at once, leaving the checkpoint saved last.

Processes started by mpirun, mpiexec or srun share each update, and end with the same bits
as a single process (docs/cluster.md).

Standard output has the validation losses, a sample, and the run directory last.`

const trainExamples = `  gorgpt train
  gorgpt train recipes/shakespeare-nano.toml --data input.txt
  gorgpt train --data 'notes/*.txt' --tokenizer chars --steps 500
  gorgpt train --mix '0.7 books/*.jsonl.zst' --mix '0.3 code' --tokenizer bytes
  gorgpt train --from runs/gpt2-minute-20260102-150405/checkpoints/best --data new.txt --lr 1e-4
  gorgpt train --resume runs/gpt2-minute-20260102-150405
  mpirun --bind-to none -n 4 gorgpt train recipes/gpt2-124m.toml
  mpirun --bind-to none -n 8 gorgpt train --model gpt3-2.7b --context 1024 --tensor-parallel 4
  gorgpt train --resume runs/wsd/checkpoints/plateau --steps 6000 --out runs/longer`

func newTrain() *cobra.Command {
	var (
		recipe      run.Recipe
		out, resume string
		o           run.Options
		joining     *cluster.Options
		model       int
		shard       bool
	)
	cmd := &cobra.Command{
		Use:        "train [RECIPE.toml]",
		SuggestFor: []string{"pretrain"},
		Short:      "Train a model on text",
		Long:       trainHelp, Example: trainExamples,
		Args: command.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.Log, o.Given = cmd.ErrOrStderr(), cmd.Flags().Changed
			if cmd.Flags().Changed("shard-optimizer") {
				o.ShardOptimizer = &shard
			}
			world, err := command.Join(cmd, joining)
			if err != nil {
				return err
			}
			if world.Rank() > 0 {
				o.Log = io.Discard
			}
			if err := share(world, model, &o); err != nil {
				return err
			}
			if o.StopAfter < 0 {
				return usage.Errorf("--stop-after %d: want 0 or more", o.StopAfter)
			}
			if resume, err = fetched(resume, o.Log); err != nil {
				return err
			}
			if err := planned(&recipe, args, out, resume, cmd.Flags()); err != nil {
				return err
			}
			world.Fast = recipe.Fast()
			return trainRun(cmd.Context(), recipe, out, run.Dir(resume), o, world.Rank() == 0, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	recipe.Settings().Flags(f)
	f.StringVar(&out, "out", "", "run directory (default: runs/MODEL-DATE-TIME), or the URL of an object store, to which the run's checkpoints and logs are uploaded")
	f.StringVar(&resume, "resume", "", "run directory, or its URL, to resume from its latest checkpoint; or a checkpoint of a run, such as DIR/checkpoints/plateau of --schedule wsd, from which a new run continues")
	joining = command.RankFlags(cmd)
	f.BoolVar(&shard, "shard-optimizer", true, "with mpirun: each rank keeps the optimizer's moments of some parameters and updates only these, with less memory, less time and the same bits; off by default with averages (--ema, schedulefree), which all ranks need")
	f.BoolVar(&o.Overlap, "overlap", false, "with mpirun: sum gradients while others are computed, to the same bits; pays if each rank has a core to spare and the network is slow")
	f.IntVar(&model, "tensor-parallel", 1, "with mpirun: number of consecutive processes that hold one model together, each with its part of the layers, so that the model may be larger than one process's memory; if there are more processes, their models share the data")
	f.IntVar(&o.StopAfter, "stop-after", 0, "end cleanly after this step of the planned steps (0: after the last)")
	return cmd
}

// fetched returns the directory of a run to resume, copied to this machine if it is at a URL.
func fetched(resume string, log io.Writer) (string, error) {
	dir, err := run.Fetch(resume, func(line string) { fmt.Fprintln(log, line) })
	if err != nil {
		return "", fmt.Errorf("--resume: %w", err)
	}
	if string(dir) != resume {
		fmt.Fprintf(log, "%s continues in %s\n", resume, dir)
	}
	return string(dir), nil
}

// share divides the processes into groups of the given size, each of which holds one model; the groups share the data.
func share(world *cluster.World, model int, o *run.Options) error {
	switch {
	case model < 1:
		return usage.Errorf("--tensor-parallel %d: want 1 or more", model)
	case world.Size()%model != 0:
		return usage.Errorf("--tensor-parallel %d: %s cannot be divided into models of that size: start a multiple of %[1]d with mpirun or similar", model, plural.Of(world.Size(), "rank"))
	case model == 1:
		o.Peers = world
		return nil
	case o.Overlap:
		return usage.Errorf("--overlap and --tensor-parallel: ranks that hold a model together already communicate while they compute; leave one of the flags out")
	}
	within, across, err := world.Grid(model)
	o.Within, o.Peers = within, across
	return err
}

// planned completes the recipe of a new run or of one that is resumed.
func planned(recipe *run.Recipe, args []string, out, resume string, flags *pflag.FlagSet) error {
	if resume == "" {
		if err := complete(recipe, args, flags); err != nil {
			return err
		}
		return recipe.CheckGiven(flags.Changed)
	}
	of, branch := run.OfCheckpoint(resume)
	if len(args) > 0 || out != "" && !branch {
		return usage.Errorf("--resume uses the run's own recipe and directory; leave out RECIPE and --out")
	}
	if !branch {
		of = run.Dir(resume)
	}
	if err := resumed(recipe, of, flags); err != nil {
		return err
	}
	return recipe.CheckGiven(flags.Changed)
}

// complete adds the settings of the recipe file, if there is one, to those given by flags.
func complete(recipe *run.Recipe, args []string, f *pflag.FlagSet) error {
	given := f.Changed
	for _, file := range args {
		names, err := recipe.Settings().Read(file, f.Changed)
		if err != nil {
			if filepath.Ext(file) != ".toml" { // as when a shell has expanded --data *.txt
				return usage.Errorf("%s is not a recipe (RECIPE.toml): name the text with --data, and quote patterns, as in --data 'notes/*.txt'", file)
			}
			return err
		}
		given = func(name string) bool { return f.Changed(name) || slices.Contains(names, name) }
	}
	if err := cmp.Or(recipe.Settings().Recordable(), recipe.Validate()); err != nil {
		return err
	}
	recipe.Leave(given)
	return nil
}

// resumed adds the settings of a run's recipe to those given by flags.
func resumed(recipe *run.Recipe, dir run.Dir, f *pflag.FlagSet) error {
	if _, err := recipe.ReadRun(dir, f.Changed); err != nil {
		return fmt.Errorf("--resume: %w", dir.NoRun(err))
	}
	return recipe.Settings().Recordable()
}

// trainRun begins a run, or resumes one.
func trainRun(ctx context.Context, recipe run.Recipe, out string, resume run.Dir, o run.Options, first bool, stdout io.Writer) (err error) {
	var r *run.Run
	_, branch := run.OfCheckpoint(string(resume))
	switch {
	case branch:
		r, err = run.Branch(string(resume), out, recipe, o)
	case resume != "":
		r, err = run.Resume(resume, recipe, o)
	default:
		r, err = run.Create(recipe, out, o)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, command.Closing(ctx, r)) }()
	end := command.Stopping(ctx, r.Progress)
	err = r.Train(ctx)
	end()
	if skipped := r.Text.Skipped(); skipped != "" {
		fmt.Fprintln(o.Log, skipped)
	}
	if err != nil {
		sayHowToGoOn(o.Log, r, err)
		return err
	}
	if !first {
		return r.Follow()
	}
	return report(ctx, r, stdout)
}

// sayHowToGoOn prints how to resume after an interrupt, or after a failure that left the run in order.
func sayHowToGoOn(w io.Writer, r *run.Run, reason error) {
	step, saved := r.Saved()
	if !saved {
		return
	}
	when := "saved;"
	if !errors.Is(reason, context.Canceled) {
		when = fmt.Sprintf("saved at step %d; once the cause is removed,", step)
	}
	fmt.Fprintf(w, "%s resume with: gorgpt train --resume %s\n", when, r.Dir)
}

// report prints the results of the run.
func report(ctx context.Context, r *run.Run, w io.Writer) error {
	if r.First != nil {
		fmt.Fprintf(w, "validation loss %.4f at step %d", r.First.Loss, r.First.Step)
		if r.Last.Step > r.First.Step {
			fmt.Fprintf(w, ", %.4f at step %d", r.Last.Loss, r.Last.Step)
		}
		if bits, ok := r.Last.Values[train.BitsPerByte]; ok {
			fmt.Fprintf(w, ": %.4f bits a byte", bits)
		}
		fmt.Fprintln(w)
	}
	text, err := r.Finish(ctx)
	if err == nil {
		fmt.Fprintf(w, "\n%s\n\n", text)
	}
	_, wrong := fmt.Fprintln(w, r.Dir) // the training is done even if the sample failed
	return cmp.Or(err, wrong)
}
