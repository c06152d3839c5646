// Package tuned fine-tunes a model on several tasks, in several ways and over several seeds, and writes a table of the results.
package tuned

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/run"
)

// Study describes the runs. They are ordered by seed, then by task, then by column, so that the whole table is there first,
// and then its spread.
type Study struct {
	From, Data, Out string
	Given           []string // tasks in the order of the table, each with the examples to train on: "rte:500"
	First           int      // seed of the first run of each, at least 1
	Seeds, Jobs     int
	Only            bool // write the table of finished runs, without training

	Columns []Column
	Chosen  []string               // names of the columns to train; none: all. The table has all columns
	Recipe  func() run.TunedRecipe // settings that all runs have in common; called after the flags are parsed

	// Tune performs a run in a folder, or resumes it.
	Tune func(ctx context.Context, recipe run.TunedRecipe, dir run.Dir, log io.Writer) (Result, error)

	tasks []sized
}

// Column is a way to fine-tune, a column of the table.
type Column struct {
	Name, About string // for the names of folders, and the header of the column
	Change      func(*run.TunedRecipe)
	Published   map[string]float64 // by task: the figures of GPT-1's paper, if it has this column
}

// sized is a task with the number of examples to train on, 0 for all.
type sized struct {
	tasks.Task
	examples int
}

// Flags adds the flags that all studies have.
func (s *Study) Flags(f *pflag.FlagSet) {
	f.StringVar(&s.From, "from", s.From, "checkpoint of the pre-trained model")
	f.StringVar(&s.Data, "data", s.Data, "folder that has a folder of files for each task")
	f.StringVar(&s.Out, "out", s.Out, "folder of the runs")
	f.StringSliceVar(&s.Given, "tasks", s.Given, "tasks in the order of the table, each with the number of examples to train on, as in rte:500 (without a number: all)")
	f.StringSliceVar(&s.Chosen, "columns", s.Chosen, "columns to train, any of "+strings.Join(s.names(), ", ")+" (none: all)")
	f.IntVar(&s.Seeds, "seeds", 3, "runs of each, with random seeds of the head, the order, dropout, and the choice of examples")
	f.IntVar(&s.First, "first-seed", 1, "seed of the first of them, to add seeds to a study, or to divide it among machines")
	f.IntVar(&s.Jobs, "jobs", s.Jobs, "runs at the same time, which share the cores")
	f.BoolVar(&s.Only, "only-table", false, "train nothing, and write the table of the runs that are finished")
}

// Run performs the runs that are not finished, and writes the table, even if it is interrupted.
func (s *Study) Run(ctx context.Context, table, progress io.Writer) error {
	switch {
	case s.From == "" || s.Data == "":
		return errors.New("--from and --data are required: the pre-trained model, and the tasks' files")
	case s.Seeds < 1 || s.First < 1 || s.Jobs < 1:
		return errors.New("--seeds, --first-seed and --jobs: want 1 or more")
	}
	if err := s.parse(); err != nil {
		return err
	}
	columns, err := s.chosen()
	if err != nil {
		return err
	}
	if s.Only {
		return s.write(table)
	}
	for _, task := range s.tasks { // before any run starts
		for _, c := range columns {
			if err := s.recipe(task, c, s.First).Validate(); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(s.Out, 0o777); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.Jobs)
	for seed := s.First; seed < s.First+s.Seeds; seed++ {
		for _, task := range s.tasks {
			for _, c := range columns {
				group.Go(func() error { return s.cell(ctx, task, c, seed, progress) })
			}
		}
	}
	return errors.Join(group.Wait(), s.write(table))
}

// names returns the names of the columns.
func (s *Study) names() []string {
	names := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		names[i] = c.Name
	}
	return names
}

// chosen returns the columns to train, in the order of the table.
func (s *Study) chosen() ([]Column, error) {
	for _, name := range s.Chosen {
		if names := s.names(); !slices.Contains(names, name) {
			return nil, fmt.Errorf("--columns %s: want some of %s", name, strings.Join(names, ", "))
		}
	}
	if len(s.Chosen) == 0 {
		return s.Columns, nil
	}
	return slices.DeleteFunc(slices.Clone(s.Columns), func(c Column) bool { return !slices.Contains(s.Chosen, c.Name) }), nil
}

// parse finds the tasks given by name.
func (s *Study) parse() error {
	for _, given := range s.Given {
		name, number, limited := strings.Cut(given, ":")
		task, err := tasks.Find(name)
		if err != nil {
			return err
		}
		examples := 0
		if limited {
			if examples, err = strconv.Atoi(number); err != nil || examples < 1 {
				return fmt.Errorf("--tasks %s: want a number of examples after the colon", given)
			}
		}
		s.tasks = append(s.tasks, sized{task, examples})
	}
	return nil
}

// folder returns the folder of a run.
func (s *Study) folder(task sized, c Column, seed int) run.Dir {
	name := task.Name
	if task.examples > 0 {
		name += fmt.Sprint(task.examples)
	}
	return run.Dir(filepath.Join(s.Out, fmt.Sprintf("%s-%s-%d", name, c.Name, seed)))
}

// recipe returns the recipe of a run.
func (s *Study) recipe(task sized, c Column, seed int) run.TunedRecipe {
	r := s.Recipe()
	r.From, r.Task, r.Data = s.From, task.Name, filepath.Join(s.Data, task.Name)
	r.Seed, r.Examples = uint64(seed), task.examples
	if task.Name == "cola" { // which has a second dev set, from other sources
		r.Dev = filepath.Join(r.Data, "in_domain_dev.tsv")
	}
	c.Change(&r)
	return r
}

// begun reports whether a folder has a run of this recipe.
func begun(dir run.Dir, recipe run.TunedRecipe) bool {
	was := run.DefaultsTuned()
	_, err := was.Settings().Read(dir.TunedPath(), nil)
	return err == nil && bytes.Equal(was.Settings().Text(""), recipe.Settings().Text(""))
}

// cell performs one run, unless it is finished.
func (s *Study) cell(ctx context.Context, task sized, c Column, seed int, progress io.Writer) error {
	dir, recipe := s.folder(task, c, seed), s.recipe(task, c, seed)
	result := resultPath(dir)
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := os.Stat(result); err == nil && begun(dir, recipe) {
		return nil
	}
	if _, err := os.Stat(dir.TunedPath()); err == nil && !begun(dir, recipe) {
		return fmt.Errorf("%s is a run with different settings: choose another --out, or remove it", dir)
	}
	if _, err := os.Stat(dir.Latest()); err != nil {
		if err := dir.Remove(); err != nil { // it was stopped before the first checkpoint
			return err
		}
	}
	var log io.Writer
	if s.Jobs == 1 { // the lines of several would be mixed
		log = progress
	}
	r, err := s.Tune(ctx, recipe, dir, log)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	fmt.Fprintln(progress, dir)
	// The weights are not needed any more.
	if err := os.RemoveAll(dir.Checkpoints()); err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return wholefile.Write(result, data) // written last, as it marks the run as complete
}

// Tune fine-tunes a model, resuming from the latest checkpoint of the folder if there is one.
func Tune(ctx context.Context, recipe run.TunedRecipe, dir run.Dir, log io.Writer) (r Result, err error) {
	var t *run.Tuning
	if _, none := os.Stat(dir.Latest()); none == nil {
		t, err = run.ResumeTuned(dir, log)
	} else {
		t, err = run.CreateTuned(recipe, string(dir), log)
	}
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if err := t.Train(ctx); err != nil {
		return r, err
	}
	r.Examples = t.Measured
	for _, e := range t.Epochs {
		r.Epochs = append(r.Epochs, Epoch{e.Metrics})
	}
	return r, nil
}
