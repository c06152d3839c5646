// Command ablation repeats GPT-1's ablation (Radford et al. 2018, table 5) in small: one
// pre-trained model fine-tuned on several tasks, against the same without the auxiliary loss
// and the same without pre-training, over several seeds.
//
//	go run ./recipes/ablation --from DIR --data FOLDER
//
// FOLDER has a folder for each task, as gorgpt finetune --data wants it. Each run has a folder of
// --out; those that are done with the same recipe are not done again, so an interrupted one goes
// on: for other weights of the same name give another --out.
// The table is Markdown on standard output.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/run"
)

// study is what is asked for.
type study struct {
	from, data, out     string
	given               []string
	tasks               []sized
	seeds, jobs, epochs int
	rate                float64
	table, progress     io.Writer

	tune func(ctx context.Context, recipe run.TunedRecipe, dir string) (result, error)
}

// sized is a task with the number of examples to train on, 0 for all.
type sized struct {
	tasks.Task
	examples int
}

// variant is a column of the table.
type variant struct {
	name, about string
	change      func(*run.TunedRecipe)
}

var variants = []variant{
	{"full", "pre-trained, λ 0.5", func(*run.TunedRecipe) {}},
	{"noaux", "pre-trained, λ 0", func(r *run.TunedRecipe) { r.Auxiliary = 0 }},
	{"fresh", "not pre-trained, λ 0.5", func(r *run.TunedRecipe) { r.Fresh = true }},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(tune).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "ablation:", err)
		os.Exit(1)
	}
}

func command(tune func(context.Context, run.TunedRecipe, string) (result, error)) *cobra.Command {
	// About as many tokens of each: a pair in both orders and five choices are long.
	s := study{tune: tune, given: []string{"sst2:1000", "cola:1000", "rte:500", "mrpc:500", "stsb:1000", "commonsense_qa:250", "piqa:500"}}
	cmd := &cobra.Command{
		Use: "ablation --from DIR --data FOLDER", Short: "GPT-1's ablation in small",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.table, s.progress = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return s.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.from, "from", "", "checkpoint of the pre-trained model")
	f.StringVar(&s.data, "data", "", "folder with a folder of files for each task")
	f.StringVar(&s.out, "out", "runs/ablation", "folder of the runs")
	f.StringSliceVar(&s.given, "tasks", s.given, "tasks in the order of the table, each with the examples to train on (none: all)")
	f.IntVar(&s.seeds, "seeds", 3, "runs of each: seeds of the head, the order, dropout, and which examples")
	f.IntVar(&s.epochs, "epochs", 3, "times to go over them, as in the paper")
	f.Float64Var(&s.rate, "lr", 3e-4, "highest learning rate; the paper's 6.25e-5 is for a model ten times as large")
	f.IntVar(&s.jobs, "jobs", 2, "runs at once, which share the cores")
	return cmd
}

func (s *study) run(ctx context.Context) error {
	switch {
	case s.from == "" || s.data == "":
		return errors.New("--from and --data are wanted: the pre-trained model, and the tasks' files")
	case s.seeds < 1 || s.jobs < 1 || s.epochs < 1:
		return errors.New("--seeds, --jobs and --epochs: want 1 or more")
	}
	if err := s.parse(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.out, 0o777); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.jobs)
	for seed := range s.seeds { // a whole table first, then its spread
		for _, task := range s.tasks {
			for _, v := range variants {
				group.Go(func() error { return s.cell(ctx, task, v, seed) })
			}
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return s.write()
}

// parse finds the tasks that are given by name.
func (s *study) parse() error {
	for _, given := range s.given {
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
func (s *study) folder(task sized, v variant, seed int) string {
	return filepath.Join(s.out, fmt.Sprintf("%s-%s-%d", task.Name, v.name, seed+1))
}

// recipe is that of a run.
func (s *study) recipe(task sized, v variant, seed int) run.TunedRecipe {
	r := run.DefaultsTuned()
	r.From, r.Task, r.Data = s.from, task.Name, filepath.Join(s.data, task.Name)
	r.Epochs, r.Rate, r.Seed, r.Examples = s.epochs, s.rate, uint64(seed+1), task.examples
	if task.Name == "cola" { // has a second dev set, of other sources
		r.Dev = filepath.Join(r.Data, "in_domain_dev.tsv")
	}
	v.change(&r)
	return r
}

// cell does one run, unless the same is done.
func (s *study) cell(ctx context.Context, task sized, v variant, seed int) error {
	dir, recipe := s.folder(task, v, seed), s.recipe(task, v, seed)
	asked := filepath.Join(dir, "asked.toml")
	text := recipe.Settings().Text("What result.json is of.")
	if done, err := os.ReadFile(asked); err == nil && bytes.Equal(done, text) {
		return nil
	}
	if err := run.Dir(dir).Remove(); err != nil { // of other settings, or interrupted
		return err
	}
	r, err := s.tune(ctx, recipe, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	fmt.Fprintln(s.progress, dir)
	// The weights are not looked at again, and would be 40 MB a run.
	if err := os.RemoveAll(run.Dir(dir).Checkpoints()); err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := wholefile.Write(filepath.Join(dir, "result.json"), data); err != nil {
		return err
	}
	return wholefile.Write(asked, text) // last: it says that the rest is whole
}

// tune fine-tunes a model.
func tune(ctx context.Context, recipe run.TunedRecipe, dir string) (r result, err error) {
	t, err := run.CreateTuned(recipe, dir, nil)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if err := t.Train(ctx); err != nil {
		return r, err
	}
	r.Examples = t.Measured
	for _, e := range t.Epochs {
		r.Epochs = append(r.Epochs, epoch{e.Metrics})
	}
	return r, nil
}
