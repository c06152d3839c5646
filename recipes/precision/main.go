// Command precision compares the losses of a recipe's first steps with products in float32 and in bfloat16, over several
// seeds.
//
//	go run ./recipes/precision --text FOLDER --seeds 3                      # shakespeare-nano and novels-small, 1,000 steps of each
//	go run ./recipes/precision --text FOLDER recipes/shakespeare-bpe.toml   # other recipes
//
// The files that recipes name are looked for in FOLDER. Each run has a folder in --out; finished runs are not repeated.
// The table is written to standard output in Markdown. A difference of more than --most is an error.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
	"github.com/gorgpt/gorgpt/run"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "precision:", err)
		os.Exit(1)
	}
}

// study holds the arguments of the command.
type study struct {
	text, out    string
	steps, seeds int
	most         float64
	progress     io.Writer
}

func command() *cobra.Command {
	var s study
	cmd := &cobra.Command{
		Use: "precision --text FOLDER [RECIPE…]", Short: "Compare the losses of a recipe's first steps in float32 and bfloat16",
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, recipes []string) error {
			s.progress = cmd.ErrOrStderr()
			if s.text == "" || s.out == "" || s.steps < 1 || s.seeds < 1 {
				return usage.Errorf("want --text and --out, folders, and --steps and --seeds of 1 or more")
			}
			if len(recipes) == 0 {
				recipes = []string{"recipes/shakespeare-nano.toml", "recipes/novels-small.toml"}
			}
			return s.run(cmd.Context(), recipes, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.text, "text", "", "folder of the texts that the recipes name")
	f.StringVar(&s.out, "out", "runs/precision", "folder of the runs")
	f.IntVar(&s.steps, "steps", 1000, "updates per run, the first ones of the recipe")
	f.IntVar(&s.seeds, "seeds", 1, "runs of each recipe, with the recipe's seed and the seeds after it")
	f.Float64Var(&s.most, "most", 0.01, "largest difference of losses that is not an error")
	return cmd
}

// losses are those of a run: the mean training loss of its last tenth, and the validation loss at its end.
type losses struct{ training, validation float64 }

func (s *study) run(ctx context.Context, recipes []string, table io.Writer) error {
	if err := graph.BFloat16.Check(); err != nil {
		return err
	}
	w := tabwriter.NewWriter(table, 0, 0, 1, ' ', 0)
	fmt.Fprintf(w, "| recipe\t| seed\t| loss, float32\t| bf16\t| difference\t| validation, float32\t| bf16\t| difference\t|\n|%s\n", strings.Repeat("---\t|", 8))
	farthest := 0.0
	for _, path := range recipes {
		recipe, err := s.read(path)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(path), ".toml")
		for seed := range s.seeds {
			recipe := recipe
			recipe.Seed += uint64(seed)
			var both [2]losses
			for i, p := range []graph.Precision{graph.Float32, graph.BFloat16} {
				recipe.Precision = p.String()
				if both[i], err = s.losses(ctx, recipe, run.Dir(filepath.Join(s.out, fmt.Sprintf("%s-%d-%v", name, recipe.Seed, p)))); err != nil {
					return err
				}
			}
			training, validation := both[1].training-both[0].training, both[1].validation-both[0].validation
			farthest = max(farthest, math.Abs(training), math.Abs(validation))
			fmt.Fprintf(w, "| %s\t| %d\t| %.4f\t| %.4f\t| %+.4f\t| %.4f\t| %.4f\t| %+.4f\t|\n",
				name, recipe.Seed, both[0].training, both[1].training, training, both[0].validation, both[1].validation, validation)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !(farthest <= s.most) {
		return fmt.Errorf("losses differ by %.4f, more than %v", farthest, s.most)
	}
	return nil
}

// read reads a recipe, with its texts in the folder and a single evaluation, after the last step that is run.
func (s *study) read(path string) (run.Recipe, error) {
	r, err := run.ReadRecipe(path)
	if err != nil {
		return r, err
	}
	if s.steps > r.Steps {
		return r, usage.Errorf("--steps %d: %s has %d", s.steps, path, r.Steps)
	}
	r.Data = filepath.Join(s.text, r.Data)
	if r.ValData != "" {
		r.ValData = filepath.Join(s.text, r.ValData)
	}
	r.EvalEvery, r.SaveEvery, r.SampleEvery = s.steps, 0, 0
	return r, nil
}

// losses trains, unless the run is finished, and reads the losses.
func (s *study) losses(ctx context.Context, recipe run.Recipe, dir run.Dir) (l losses, err error) {
	if err := (studies.Run{Dir: dir, Recipe: recipe}).Check(); err != nil {
		return l, err
	}
	if l, done, err := s.measured(dir); done || err != nil {
		return l, err
	}
	if err := dir.Remove(); err != nil { // it was interrupted
		return l, err
	}
	r, err := run.Create(recipe, string(dir), run.Options{StopAfter: s.steps})
	if err != nil {
		return l, err
	}
	if err := cmp.Or(r.Train(ctx), r.Close()); err != nil {
		r.Close()
		return l, err
	}
	l, _, err = s.measured(dir)
	fmt.Fprintf(s.progress, "%s: loss %.4f, validation %.4f\n", dir, l.training, l.validation)
	return l, cmp.Or(err, os.RemoveAll(dir.Checkpoints()))
}

// measured reads the losses of a run, if it is finished.
func (s *study) measured(dir run.Dir) (l losses, done bool, err error) {
	f, err := os.Open(dir.MetricsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return l, false, nil
	}
	if err != nil {
		return l, false, err
	}
	defer f.Close()
	count := 0
	for lines := json.NewDecoder(f); ; {
		var line struct {
			Step    int
			Loss    *float64
			ValLoss *float64 `json:"val_loss"`
		}
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return l, false, fmt.Errorf("%s: %w", dir.MetricsPath(), err)
		}
		if line.Loss != nil && line.Step > s.steps-max(s.steps/10, 1) {
			l.training += *line.Loss
			count++
		}
		if line.ValLoss != nil && line.Step == s.steps {
			l.validation, done = *line.ValLoss, true
		}
	}
	l.training /= float64(max(count, 1))
	return l, done, nil
}
