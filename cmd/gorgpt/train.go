package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

// prefetched is the number of batches read ahead.
const prefetched = 4

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
holds recipe.toml, metrics.jsonl, loss.png, samples.txt and checkpoints/, whose best
and latest are Hugging Face model directories. An interrupt saves a checkpoint first.

Standard output: the validation losses, a sample, and the run directory last.`,
		Example: `  gorgpt train
  gorgpt train recipes/shakespeare-nano.toml --data input.txt
  gorgpt train --data 'notes/*.txt' --tokenizer chars --steps 500
  gorgpt train --resume runs/gpt2-nano-20260102-150405`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			j := &job{recipe: defaults(), out: out, resume: resume, stopAfter: stopAfter, stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
			if stopAfter < 0 {
				return usagef("--stop-after %d: want 0 or more", stopAfter)
			}
			switch {
			case resume != "" && (len(args) > 0 || out != ""):
				return usagef("--resume goes on with the run's own recipe and directory; leave out RECIPE and --out")
			case resume != "":
				if err := j.recipe.read(recipePath(resume)); err != nil {
					return fmt.Errorf("--resume: %w", err)
				}
			case len(args) > 0:
				if err := j.recipe.read(args[0]); err != nil {
					return err
				}
			}
			was := j.recipe
			if err := j.recipe.override(cmd.Flags()); err != nil {
				return usageError{err}
			}
			if resume != "" && j.recipe.fixed() != was.fixed() {
				return usagef("--resume goes on with the run as it began: of the recipe, only --steps, --eval-every, --eval-batches and --save-every can change")
			}
			if err := j.recipe.validate(); err != nil {
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

// run trains.
func (j *job) run(ctx context.Context) (err error) {
	r := j.recipe
	src, err := datasets.Open(r.Data)
	if err != nil {
		return err
	}
	tok, err := j.openTokenizer(src)
	if err != nil {
		return err
	}
	if j.model, err = r.model(tok.Size()); err != nil {
		return err
	}
	j.tokenizer = tok
	j.params = graph.NewParams(r.Seed)

	t, err := j.trainer(src)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Train.Close()) }()
	// Declare the model before anything is written: what is wrong with it shows here.
	program, err := declare(j.model, r.Batch, r.Context, true)
	if err != nil {
		return err
	}
	fmt.Fprintf(j.stderr, "%s\n%s\n", describe(r.Model, j.model, graph.Sum(program.Nodes()).Params), src)

	if err := j.openRun(t); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.closeRun()) }()
	if err := t.Run(ctx); err != nil {
		if errors.Is(err, context.Canceled) {
			j.progress.Close()
			fmt.Fprintf(j.stderr, "saved; go on with: gorgpt train --resume %s\n", j.dir)
		}
		return err
	}
	j.progress.Close()
	return j.report(ctx)
}

// openTokenizer makes the tokenizer, or reads that of the run to go on with.
func (j *job) openTokenizer(src *datasets.Source) (tokenizer.Tokenizer, error) {
	if j.resume == "" {
		return newTokenizer(j.recipe.Tokenizer, src)
	}
	tok, err := tokenizer.Load(filepath.Join(checkpointsDir(j.resume), "latest"))
	if err != nil {
		return nil, fmt.Errorf("--resume: %w", err)
	}
	return tok, nil
}

// trainer puts the parts of the run together.
func (j *job) trainer(src *datasets.Source) (*train.Trainer, error) {
	r := j.recipe
	learn, check, err := r.parts(src)
	if err != nil {
		return nil, err
	}
	shape := datasets.Config{Batch: r.Batch, Context: r.Context, Seed: r.Seed, Anywhere: r.Windows == "anywhere"}
	validation, err := datasets.NewValidation(check, j.tokenizer, shape)
	if err != nil {
		return nil, fmt.Errorf("validation text: %w", err)
	}
	restart, err := train.Restart(validation)
	if err != nil {
		return nil, err
	}
	training, err := datasets.NewTraining(learn, j.tokenizer, shape)
	if err != nil {
		return nil, fmt.Errorf("training text: %w", err)
	}
	schedule, err := train.ParseSchedule(r.Schedule, r.LearnRate, r.LearnRate*r.Floor, r.warmup(), r.Steps)
	if err != nil {
		return nil, usageError{err}
	}
	solver := train.NewAdamW()
	solver.Beta1, solver.Beta2, solver.Decay, solver.Clip = r.Beta1, r.Beta2, r.Decay, r.Clip
	return &train.Trainer{
		Model: j.model, Params: j.params,
		Train: datasets.Prefetch(training, prefetched), Validation: restart,
		Solver: solver, Schedule: schedule,
		Steps: r.Steps, Batch: r.Batch, Context: r.Context, Accumulate: r.Accumulate,
		EvalEvery: r.EvalEvery, EvalBatches: r.EvalBatches, SaveEvery: r.SaveEvery,
		Graph:     recompute(r.Recompute),
		StopAfter: j.stopAfter, Seed: r.Seed,
	}, nil
}

// parts are the training and the validation text.
func (r recipe) parts(src *datasets.Source) (training, validation *datasets.Source, err error) {
	if r.ValData == "" {
		return datasets.Split(src, r.Validation)
	}
	validation, err = datasets.Open(r.ValData)
	return src, validation, err
}
