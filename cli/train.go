package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

func newTrain() *cobra.Command {
	var (
		shown     = defaults() // the flags' own copy; override applies what was given
		out       string
		resume    string
		stopAfter int
	)
	cmd := &cobra.Command{
		Use:   "train [RECIPE.toml]",
		Short: "Train a model on text",
		Long: `Train a model on text.

Without arguments: gpt2-nano on the source of the Go standard library. A recipe file
sets what the flags set, with _ for -; flags given beside it win. The run directory
holds recipe.toml, metrics.jsonl, TensorBoard events, loss.png, samples.txt and
checkpoints/, whose best and latest are Hugging Face model directories. An interrupt
saves a checkpoint first, a second one ends the run at once, to go on from the last checkpoint.

Standard output: the validation losses, a sample, and the run directory last.`,
		Example: `  gorgpt train
  gorgpt train recipes/shakespeare-nano.toml --data input.txt
  gorgpt train --data 'notes/*.txt' --tokenizer chars --steps 500
  gorgpt train --mix '0.7 books/*.jsonl.zst' --mix '0.3 code' --tokenizer bytes
  gorgpt train --from runs/gpt2-nano-20260102-150405/checkpoints/best --data new.txt --lr 1e-4
  gorgpt train --resume runs/gpt2-nano-20260102-150405`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			j := &job{recipe: defaults(), saved: -1, out: out, resume: resume, stopAfter: stopAfter, stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
			j.recipe.Context = unset
			if stopAfter < 0 {
				return usagef("--stop-after %d: want 0 or more", stopAfter)
			}
			switch {
			case resume != "" && (len(args) > 0 || out != ""):
				return usagef("--resume goes on with the run's own recipe and directory; leave out RECIPE and --out")
			case resume != "":
				if err := j.recipe.readWhole(recipePath(resume)); err != nil {
					return fmt.Errorf("--resume: %w", noRun(resume, err))
				}
			case len(args) > 0:
				if err := j.recipe.read(args[0]); err != nil {
					if filepath.Ext(args[0]) != ".toml" { // what a shell makes of --data *.txt
						return usagef("%s is no recipe (RECIPE.toml): text is named by --data, a pattern in quotes: --data 'notes/*.txt'", args[0])
					}
					return err
				}
			}
			if err := recordable(cmd.Flags(), "out", "resume"); err != nil {
				return err
			}
			was := j.recipe
			if err := j.recipe.override(cmd.Flags()); err != nil {
				return usageError{err}
			}
			if resume != "" && !reflect.DeepEqual(j.recipe.fixed(), was.fixed()) {
				return usagef("--resume goes on with the run as it began: of the recipe, only --steps, --eval-every, --eval-batches, --save-every, --sample-every, --keep and --bad-records can change")
			}
			if err := j.begin(); err != nil {
				return err
			}
			if err := j.recipe.validate(); err != nil {
				return err
			}
			if err := j.recipe.together(cmd.Flags().Changed); err != nil {
				return err
			}
			return j.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	shown.flags(f)
	f.StringVar(&out, "out", "", "run directory (default runs/MODEL-DATE-TIME)")
	f.StringVar(&resume, "resume", "", "run directory to go on with, from its latest checkpoint")
	f.IntVar(&stopAfter, "stop-after", 0, "end cleanly after this step of the planned steps (0: do not)")
	return cmd
}

// noRun says of a folder that it is none, or not a run's.
func noRun(dir string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("%s: no such folder", dir)
	}
	return fmt.Errorf("%s: no recipe.toml in it: not the directory of a run", dir)
}

// run trains.
func (j *job) run(ctx context.Context) (err error) {
	r := j.recipe
	if err := vacant(j.out); err != nil { // before a tokenizer is learned for nothing
		return err
	}
	if j.resume != "" {
		if j.claimed, err = checkpoint.Claim(j.resume); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
	}
	defer func() {
		if j.claimed != nil {
			j.claimed.Release()
		}
	}()
	if j.resume != "" {
		repaired, err := checkpoint.Repair(checkpointsDir(j.resume))
		for _, said := range repaired {
			fmt.Fprintln(j.stderr, said)
		}
		if err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
	}
	text, err := r.open()
	if err != nil {
		return err
	}
	tok, err := j.openTokenizer(text)
	if err != nil {
		return err
	}
	j.tokenizer = readSpecial(tok, j.recipe.Special)
	j.params = graph.NewParams(r.Seed)
	if err := j.makeModel(); err != nil {
		return err
	}

	t, err := j.trainer(text)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Train.Close()) }()
	// Declare the model before anything is written: what is wrong with it shows here.
	program, err := declare(j.model, r.Batch, r.Context, true)
	if err != nil {
		return err
	}
	if err := r.checkNoDecay(program.Nodes()); err != nil {
		return err
	}
	if err := enoughToTrain(program); err != nil {
		return err
	}
	if r.Accumulate > 1 { // the tokens of an update are read first
		if err := enough(fmt.Sprintf("--accumulate %d", r.Accumulate), 16*float64(r.Batch)*float64(r.Context)*float64(r.Accumulate)); err != nil {
			return err
		}
	}
	j.weights = graph.Sum(program.Nodes()).Params
	fmt.Fprintf(j.stderr, "%s\n%s\n", describe(cmp.Or(r.Model, r.From), j.model, j.weights), text)

	if err := j.openRun(t); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.closeRun()) }()
	end := stopping(ctx, j.progress)
	err = t.Run(ctx)
	end()
	j.progress.Close()
	if skipped := text.skipped(); skipped != "" {
		fmt.Fprintln(j.stderr, skipped)
	}
	if err != nil {
		j.sayHowToGoOn(t, err)
		return err
	}
	return j.report(ctx)
}

// sayHowToGoOn tells what to do after an interrupt or a failure that left the run as it was.
func (j *job) sayHowToGoOn(t *train.Trainer, reason error) {
	s, err := t.State()
	if err != nil || s.Step != j.saved {
		return
	}
	when := "saved;"
	if !errors.Is(reason, context.Canceled) {
		when = fmt.Sprintf("saved at step %d; when the cause is gone,", s.Step)
	}
	fmt.Fprintf(j.stderr, "%s go on with: gorgpt train --resume %s\n", when, j.dir)
}

// openTokenizer makes the tokenizer, or reads that of the run to go on with.
func (j *job) openTokenizer(text corpus) (tokenizer.Tokenizer, error) {
	if j.from != nil {
		return j.from.tokenizer, nil
	}
	if j.resume == "" {
		if j.recipe.Tokenizer == "" {
			j.recipe.Tokenizer = text.tokenizer()
		}
		return newTokenizer(j.recipe.Tokenizer, text.texts(j.recipe.Tokenizer == "chars"))
	}
	d, err := checkpoint.Open(filepath.Join(checkpointsDir(j.resume), "latest"))
	if err != nil {
		return nil, fmt.Errorf("--resume: %w", noCheckpoint(j.resume, err))
	}
	tok, err := tokenizer.Load(d.Path())
	if err != nil {
		return nil, fmt.Errorf("--resume: %w", err)
	}
	return tok, nil
}

// noCheckpoint says of a run that it has none yet.
func noCheckpoint(dir string, err error) error {
	if _, no := os.Lstat(filepath.Join(checkpointsDir(dir), checkpoint.Latest)); !errors.Is(no, fs.ErrNotExist) {
		return err
	}
	if steps, _ := checkpoint.Steps(checkpointsDir(dir)); len(steps) > 0 {
		return fmt.Errorf("%s: none of its checkpoints is whole: %s", dir, strings.Join(steps, ", "))
	}
	return fmt.Errorf("%s: the run was stopped before its first checkpoint; begin again: gorgpt train %s", dir, recipePath(dir))
}

// trainer puts the parts of the run together.
func (j *job) trainer(text corpus) (*train.Trainer, error) {
	r := j.recipe
	schedule, err := train.ParseSchedule(r.Schedule, r.LearnRate, r.LearnRate*r.Floor, r.warmup(), r.Steps)
	if err != nil {
		return nil, usageError{err}
	}
	solver, err := r.solver()
	if err != nil {
		return nil, err
	}
	training, validation, err := r.streams(text, j.tokenizer)
	if err != nil {
		return nil, err
	}
	j.validation = validation
	start, err := validation.State()
	if err != nil {
		return nil, err
	}
	restart, err := train.Restart(validation)
	if err != nil {
		return nil, err
	}
	return &train.Trainer{
		Model: j.model, Params: j.params,
		Train: training, Validation: restart, ValidationStart: start,
		Solver: solver, Schedule: schedule, Guard: train.Guard{Deviations: r.SkipOutliers},
		Steps: r.Steps, Batch: r.Batch, Context: r.Context, Accumulate: r.Accumulate,
		EvalEvery: r.EvalEvery, EvalBatches: r.EvalBatches, SaveEvery: r.SaveEvery,
		Graph:     recompute(r.Recompute),
		StopAfter: j.stopAfter, Seed: r.Seed, Settings: string(r.fixed().text()),
	}, nil
}
