package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/train"
)

func newFinetune() *cobra.Command {
	j := finetuning{settings: finetune.Defaults()}
	cmd := &cobra.Command{
		Use:   "finetune [RECIPE] --task NAME --data DIR --from DIR",
		Short: "Fine-tune a model on a task, as GPT-1 did",
		Long: `Fine-tune a model on a task, as GPT-1 did: a linear head on the state at a classify token, trained
together with the model on the task's loss and --lambda times the language model's.

DATA is a folder in which one file's name has "train" in it and one's "dev" or "val", or files
are given by --train and --dev; without a second, a tenth of the first is held out. A task of your
own is a CSV, TSV, JSON-lines or Parquet file: give --kind and the names of its columns.

After each epoch the model is measured on the dev set; the best is kept. An interrupt keeps what there
is, in checkpoints/latest. The run directory has
metrics.jsonl, predictions.tsv, confusion.png, checkpoints/best, which gorgpt classify uses, and
finetune.toml, a recipe that repeats the run: it gives any of the flags, with _ for -.

Tasks: ` + taskNames() + `.`,
		Example: `  gorgpt finetune --task rte --data glue/rte --from DIR
  gorgpt finetune --pairs dialogues.jsonl --template tldr --from DIR      # then gorgpt eval --on summarize
  gorgpt finetune --kind classification --text review --label stars --train reviews.csv --from DIR --lr 1e-4`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			j.stdout, j.stderr, j.flags = cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.Flags()
			for _, recipe := range args {
				if err := readFlags(recipe, j.flags, ofOneRun...); err != nil {
					return err
				}
			}
			if err := j.check(); err != nil {
				return err
			}
			if j.pairs != "" {
				return j.runPairs(cmd.Context())
			}
			return j.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&j.from, "from", "", "checkpoint of the pre-trained model")
	f.StringVar(&j.task, "task", "", "task, one of the list above")
	f.StringVar(&j.data, "data", "", "folder of the task's files")
	f.StringVar(&j.trainFile, "train", "", "file to train on, in place of --data")
	f.StringVar(&j.devFile, "dev", "", "file to measure on")
	f.IntVar(&j.examples, "examples", 0, "train on so many of the examples, drawn by the seed, to learn from how few it can (0: all)")
	f.StringVar(&j.kind, "kind", "", "of a task of your own: classification, entailment or similarity")
	f.StringVar(&j.columns.Text, "text", "", "its column of the text, or of the first")
	f.StringVar(&j.columns.Pair, "pair", "", "its column of the second text")
	f.StringVar(&j.columns.Label, "label", "", "its column of the class")
	f.StringVar(&j.columns.Score, "score", "", "its column of a number, in place of a class")
	f.StringVar(&j.scoreRange, "score-range", "", "its range, as in 0:5: an output for each whole number, as GPT-1 has it (default: so if all are whole numbers that span 10 or less; else one output, with the squared error)")
	f.StringVar(&j.columns.Positive, "positive", "", "of two classes, that which F1 is of (default the second of the sorted)")
	f.StringVar(&j.pairs, "pairs", "", "in place of a task: prompts and responses, JSON lines (prompt, response) or CoQA's file; no head, and a loss on the responses alone")
	f.StringVar(&j.template, "template", "plain", "how a prompt is put: "+strings.Join(templates(), ", "))
	f.StringVar(&j.out, "out", "", "run directory (default runs/TASK-TIME)")
	f.IntVar(&j.settings.Epochs, "epochs", j.settings.Epochs, "times to go over the examples")
	f.IntVar(&j.settings.Batch, "batch", j.settings.Batch, "examples in an update")
	f.IntVar(&j.settings.Micro, "micro", 8, "examples at once: fewer need less memory, and give the same but for dropout's masks")
	f.Float64Var(&j.settings.Rate, "lr", j.settings.Rate, "highest learning rate; small models stand more")
	f.Float64Var(&j.settings.Warmup, "warmup", j.settings.Warmup, "share of the updates in which the rate climbs")
	f.Float64Var(&j.settings.Decay, "weight-decay", j.settings.Decay, "AdamW's decay of matrices")
	f.Float64Var(&j.settings.Clip, "clip", j.settings.Clip, "largest norm of the whole gradient (0: none)")
	f.Float64Var(&j.auxiliary, "lambda", 0.5, "weight of the language model's loss (0: none)")
	f.Float64Var(&j.dropout, "dropout", 0.1, "dropout rate, of the model and of the classified state")
	f.IntVar(&j.context, "context", 0, "most tokens of a sequence (0: the model's)")
	f.BoolVar(&j.fresh, "fresh", false, "forget what the model has learned: the same without pre-training, to compare")
	f.Uint64Var(&j.settings.Seed, "seed", j.settings.Seed, "seed of the head, the order and dropout")
	f.BoolVar(&j.asJSON, "json", false, "print the metrics of the best epoch, and of each, as one JSON object")
	return cmd
}

// ofOneRun are the flags that no recipe gives.
var ofOneRun = []string{"out", "json"}

func taskNames() string {
	var names []string
	for _, t := range tasks.All() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// finetuning is what gorgpt finetune is asked for.
type finetuning struct {
	from, task, data, trainFile, devFile, kind, out string
	columns                                         tasks.Columns
	settings                                        finetune.Settings
	auxiliary, dropout                              float64
	context, examples                               int
	fresh, asJSON                                   bool
	pairs, template, scoreRange                     string
	flags                                           *pflag.FlagSet
	stdout, stderr                                  io.Writer
	claimed                                         *checkpoint.Claimed
}

func (j *finetuning) run(ctx context.Context) (err error) {
	if err := vacant(j.out); err != nil { // before the examples are read
		return err
	}
	task, learn, dev, err := j.read()
	if err != nil {
		return err
	}
	base, err := load(j.from)
	if err != nil {
		return err
	}
	t, learned, checked, err := j.encode(base, task, learn, dev)
	if err != nil {
		return err
	}
	o := j.settings
	o.Micro = min(o.Micro, o.Batch, len(learned))
	if err := checkTraining(t.Classifier.Compile(graph.NewParams(0), o.Micro, finetune.Longest(learned, checked))); err != nil {
		return err
	}
	release, err := j.makeOut(task.Name)
	if err != nil {
		return err
	}
	defer release()
	metrics, err := train.OpenMetrics(metricsPath(j.out), -1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, metrics.Close()) }()
	steps := o.Epochs * ((len(learned) + o.Batch - 1) / o.Batch)
	progress := train.NewProgress(j.stderr, steps, train.Machine{})
	o.Observers = []train.Observer{&watchDir{claimed: j.claimed}, metrics, progress}
	var best *finetune.Evaluation
	o.Epoch = func(e finetune.Evaluation) error {
		if err := progress.Say(fmt.Sprintf("epoch %d: dev loss %.4f%s", e.Epoch, e.Loss, metricsText(task, e))); err != nil {
			return err
		}
		if err := metrics.OnEvaluation(train.Evaluation{Step: e.Epoch * steps / o.Epochs, Loss: e.Loss}); err != nil {
			return err
		}
		if headline := task.Metrics[0]; best != nil && !tasks.Better(headline, e.Metrics[headline], best.Metrics[headline]) {
			return nil
		}
		best = &e
		return t.Save(filepath.Join(checkpointsDir(j.out), "best"))
	}
	o.Save = func(step int) error {
		return j.saveStopped(step, steps, t.Save, progress)
	}
	end := stopping(ctx, progress)
	all, err := finetune.Run(ctx, t.Classifier, t.Params, task, learned, checked, o)
	end()
	progress.Close()
	if err != nil {
		return err
	}
	return j.report(t.Description, dev, all, best)
}

// encode makes the classifier and its examples, in tokens.
func (j *finetuning) encode(base *trained, task tasks.Task, learn, dev tasks.Set) (t *finetune.Trained, learned, checked []finetune.Example, err error) {
	context := base.model.Dims().Context
	if j.context > context {
		return nil, nil, nil, usagef("--context %d: the model has %d positions", j.context, context)
	}
	context = cmp.Or(j.context, context)
	encoder, err := finetune.NewEncoder(base.tokenizer, context)
	if err != nil {
		return nil, nil, nil, err
	}
	if learned, err = encoder.Examples(task, learn); err != nil {
		return nil, nil, nil, err
	}
	if checked, err = encoder.Examples(task, dev); err != nil {
		return nil, nil, nil, err
	}
	if encoder.Truncated > 0 {
		fmt.Fprintf(j.stderr, "%d texts were longer than the context of %d and cut\n", encoder.Truncated, context)
	}
	d := base.model.Dims()
	d.Vocab = max(d.Vocab, encoder.Tokenizer.Size())
	c := finetune.NewClassifier(base.model.WithDims(d).WithDropout(j.dropout), task, finetune.Outputs(task, learn))
	c.Dropout, c.Auxiliary = j.dropout, j.auxiliary
	t = &finetune.Trained{Description: finetune.Describe(task, c.Outputs, context), Classifier: c, Params: graph.NewParams(j.settings.Seed), Encoder: encoder}
	if err := c.Declare(t.Params); err != nil || j.fresh {
		return t, learned, checked, err
	}
	return t, learned, checked, finetune.Extend(t.Params, base.params)
}

// saveStopped keeps the weights of a run that ends early, and says so.
func (j *finetuning) saveStopped(step, steps int, save func(dir string) error, progress *train.Progress) error {
	dir := filepath.Join(checkpointsDir(j.out), "latest")
	if err := save(dir); err != nil {
		return err
	}
	return progress.Say(fmt.Sprintf("stopped after update %d of %d: the weights are saved in %s", step, steps, dir))
}
