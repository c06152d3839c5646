package cli

import (
	"cmp"
	"slices"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// check finds what cannot be, before anything is read.
func (j *finetuning) check() error {
	kinds := []string{string(tasks.Classification), string(tasks.Entailment), string(tasks.Similarity)}
	switch {
	case j.from == "":
		return usagef("--from is missing: the checkpoint of the model to fine-tune")
	case j.pairs != "" && (j.task != "" || j.kind != "" || j.data != "" || j.trainFile != "" || j.fresh || j.asJSON):
		return usagef("--pairs goes without --task, --kind, --data, --train, --fresh and --json")
	case j.pairs != "" && (j.ownColumn() != "" || j.flags.Changed("lambda")):
		return usagef("--pairs goes without --%s: a pair has prompt and response, and no head", cmp.Or(j.ownColumn(), "lambda"))
	case j.pairs == "" && (j.task == "") == (j.kind == ""):
		return usagef("give either --task or --kind")
	case j.kind != "" && !slices.Contains(kinds, j.kind):
		return unknown("kind", j.kind, kinds)
	case j.pairs == "" && j.data == "" && j.trainFile == "":
		return usagef("--data or --train is missing: the examples")
	case !(j.auxiliary >= 0):
		return usagef("--lambda %v: want 0 or more", j.auxiliary)
	case !(j.dropout >= 0 && j.dropout < 1):
		return usagef("--dropout %v: want a rate in [0, 1)", j.dropout)
	case j.settings.Epochs < 1:
		return usagef("--epochs %d: want 1 or more", j.settings.Epochs)
	case j.settings.Batch < 1:
		return usagef("--batch %d: want 1 or more", j.settings.Batch)
	case j.settings.Micro < 1:
		return usagef("--micro %d: want 1 or more", j.settings.Micro)
	case !(j.settings.Rate > 0 && j.settings.Rate <= 1):
		return usagef("--lr %v: want a rate between 0 and 1", j.settings.Rate)
	case !(j.settings.Warmup >= 0 && j.settings.Warmup <= 1):
		return usagef("--warmup %v: want a share of the updates, from 0 to 1", j.settings.Warmup)
	case !(j.settings.Decay >= 0 && j.settings.Decay < 1e6):
		return usagef("--weight-decay %v: want 0 or more", j.settings.Decay)
	case !(j.settings.Clip >= 0):
		return usagef("--clip %v: want 0 or more", j.settings.Clip)
	case j.context < 0:
		return usagef("--context %d: want 0 or more", j.context)
	case j.examples < 0:
		return usagef("--examples %d: want 0 or more", j.examples)
	}
	if err := j.checkOwn(); err != nil {
		return err
	}
	err := noneIdle(j.flags.Changed, []idle{
		{j.pairs == "", []string{"template"}, "a task: it is for --pairs"},
		{j.trainFile != "" && j.devFile != "", []string{"data"}, "--train and --dev, which name its files"},
	})
	if err != nil {
		return err
	}
	if err := recordable(j.flags, ofOneRun...); err != nil {
		return err
	}
	if j.task != "" {
		if _, err := tasks.Find(j.task); err != nil {
			return usageError{err}
		}
	}
	return checkSeed(j.settings.Seed)
}

// checkOwn checks what is said of a task of one's own.
func (j *finetuning) checkOwn() (err error) {
	switch {
	case j.task != "" && j.ownColumn() != "":
		return usagef("--%s is of a task of your own, with --kind: %s has columns of its own", j.ownColumn(), j.task)
	case j.scoreRange != "" && j.columns.Score == "":
		return usagef("--score-range is the range of --score, which is missing")
	case j.columns.Positive != "" && j.columns.Label == "":
		return usagef("--positive is one of --label's, which is missing")
	case j.scoreRange != "":
		if j.columns.Low, j.columns.High, err = tasks.ParseRange(j.scoreRange); err != nil {
			return usagef("--score-range %s: %w", j.scoreRange, err)
		}
	}
	return nil
}

// ownColumn is a flag of a task of one's own that is given.
func (j *finetuning) ownColumn() string {
	for _, name := range []string{"text", "pair", "label", "score", "score-range", "positive"} {
		if j.flags.Lookup(name).Value.String() != "" {
			return name
		}
	}
	return ""
}
