// Package tuned fine-tunes a model on several tasks in several ways over several seeds, and writes a table of that.
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

// Study is what is asked for. Its runs are one column after the other, of one task after the other; all of the first seed
// come before the second's: a whole table first, then its spread.
type Study struct {
	From, Data, Out string
	Given           []string // tasks in the order of the table, each with the examples to train on: "rte:500"
	Seeds, Jobs     int
	Only            bool // the table, of what is done

	Columns []Column
	Chosen  []string               // names of the columns to train, all of which the table has; none: all
	Recipe  func() run.TunedRecipe // what all runs have in common, after the flags are read

	// Tune does a run in a folder, or goes on with it.
	Tune func(ctx context.Context, recipe run.TunedRecipe, dir run.Dir, log io.Writer) (Result, error)

	tasks []sized
}

// Column is a way to fine-tune, a column of the table.
type Column struct {
	Name, About string // in the names of folders, and above the column
	Change      func(*run.TunedRecipe)
	Published   map[string]float64 // of tasks: the figures of GPT-1's paper, if it has this column
}

// sized is a task with the number of examples to train on, 0 for all.
type sized struct {
	tasks.Task
	examples int
}

// Flags adds those that all studies have.
func (s *Study) Flags(f *pflag.FlagSet) {
	f.StringVar(&s.From, "from", s.From, "the pre-trained model")
	f.StringVar(&s.Data, "data", s.Data, "folder with a folder of files for each task")
	f.StringVar(&s.Out, "out", s.Out, "folder of the runs")
	f.StringSliceVar(&s.Given, "tasks", s.Given, "tasks in the order of the table, each with the examples to train on (none: all)")
	f.StringSliceVar(&s.Chosen, "columns", s.Chosen, "columns to train: some of "+strings.Join(s.names(), ", ")+" (none: all)")
	f.IntVar(&s.Seeds, "seeds", 3, "runs of each: seeds of the head, the order, dropout, and which examples")
	f.IntVar(&s.Jobs, "jobs", s.Jobs, "runs at once, which share the cores")
	f.BoolVar(&s.Only, "only-table", false, "train nothing: the table of what is done")
}

// Run does the runs that are not done, and writes the table, when it is interrupted too.
func (s *Study) Run(ctx context.Context, table, progress io.Writer) error {
	switch {
	case s.From == "" || s.Data == "":
		return errors.New("--from and --data are wanted: the pre-trained model, and the tasks' files")
	case s.Seeds < 1 || s.Jobs < 1:
		return errors.New("--seeds and --jobs: want 1 or more")
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
	for _, task := range s.tasks { // before any run
		for _, c := range columns {
			if err := s.recipe(task, c, 0).Validate(); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(s.Out, 0o777); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.Jobs)
	for seed := range s.Seeds {
		for _, task := range s.tasks {
			for _, c := range columns {
				group.Go(func() error { return s.cell(ctx, task, c, seed, progress) })
			}
		}
	}
	return errors.Join(group.Wait(), s.write(table))
}

// names are those of the columns.
func (s *Study) names() []string {
	names := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		names[i] = c.Name
	}
	return names
}

// chosen are the columns to train, in the order of the table.
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

// parse finds the tasks that are given by name.
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

// folder is where a run lies.
func (s *Study) folder(task sized, c Column, seed int) run.Dir {
	name := task.Name
	if task.examples > 0 {
		name += fmt.Sprint(task.examples)
	}
	return run.Dir(filepath.Join(s.Out, fmt.Sprintf("%s-%s-%d", name, c.Name, seed+1)))
}

// recipe is that of a run.
func (s *Study) recipe(task sized, c Column, seed int) run.TunedRecipe {
	r := s.Recipe()
	r.From, r.Task, r.Data = s.From, task.Name, filepath.Join(s.Data, task.Name)
	r.Seed, r.Examples = uint64(seed+1), task.examples
	if task.Name == "cola" { // has a second dev set, of other sources
		r.Dev = filepath.Join(r.Data, "in_domain_dev.tsv")
	}
	c.Change(&r)
	return r
}

// begun tells whether a folder has a run of a recipe.
func begun(dir run.Dir, recipe run.TunedRecipe) bool {
	was := run.DefaultsTuned()
	_, err := was.Settings().Read(dir.TunedPath(), nil)
	return err == nil && bytes.Equal(was.Settings().Text(""), recipe.Settings().Text(""))
}

// cell does one run, unless the same is done.
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
		return fmt.Errorf("%s is a run of other settings: take another --out, or remove it", dir)
	}
	if _, err := os.Stat(dir.Latest()); err != nil {
		if err := dir.Remove(); err != nil { // stopped before there was anything to go on from
			return err
		}
	}
	var log io.Writer
	if s.Jobs == 1 { // lines of several would be mixed
		log = progress
	}
	r, err := s.Tune(ctx, recipe, dir, log)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	fmt.Fprintln(progress, dir)
	// The weights are not looked at again.
	if err := os.RemoveAll(dir.Checkpoints()); err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return wholefile.Write(result, data) // last: it says that the rest is whole
}

// Tune fine-tunes a model, from the latest checkpoint of the folder if there is one.
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
