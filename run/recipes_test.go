package run

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
)

// decisive are the settings that a recipe in recipes/ must not leave to the defaults.
var decisive = []string{"model", "tokenizer", "windows", "steps", "batch", "context", "dropout", "solver", "lr", "lr-floor", "warmup", "schedule", "beta1", "beta2",
	"weight-decay", "clip", "eval-every", "eval-batches", "seed"}

// TestRecipes: every recipe in recipes/ can be read, declares its graph, and has the expected number of parameters.
func TestRecipes(t *testing.T) {
	want := map[string]int64{
		"shakespeare-nano": 804_096, "shakespeare-bpe": 926_848, "go-nano": 828_672, "go-minute": 737_952,
		"novels-small": 10_101_760, "gpt2-124m": 124_439_808, "openai-gpt": 116_534_784, "gpt3-125m": 125_226_240,
		"speedrun": 2_679_168,
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("vocab/gpt1", 0o777); err != nil { // the tokenizer of one of the recipes
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "recipes", "*.toml"))
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d recipes, want %d; %v", len(files), len(want), err)
	}
	vocab := map[string]int{"chars": 65, "bytes": 257, "gpt2": 50257, "bpe:1024": 1024, "bpe:4096": 4096, "bpe:8192": 8192, "gpt1:vocab/gpt1": 40478}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".toml"), func(t *testing.T) {
			r := Defaults()
			given, err := r.Settings().Read(f, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range decisive {
				if !slices.Contains(given, name) && !slices.Contains(given, name+"-tokens") && (name != "steps" || r.Tokens == "") {
					t.Errorf("%s is left to the defaults, which may change", name)
				}
			}
			if err := r.Validate(); err != nil {
				t.Fatal(err)
			}
			m, err := r.MakeModel(vocab[r.Tokenizer])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.MakeSolver(m); err != nil {
				t.Fatal(err)
			}
			if err := r.complete(); err != nil {
				t.Fatal(err)
			}
			if _, err := r.MakeTokenSchedule(); err != nil {
				t.Fatal(err)
			}
			program, err := declare(m, graph.NewParams(0), r.Batch, r.Context)
			if err != nil {
				t.Fatal(err)
			}
			if got := graph.Sum(program.Nodes()).Params; got != want[filepath.Base(t.Name())] {
				t.Errorf("%d parameters, want %d", got, want[filepath.Base(t.Name())])
			}
		})
	}
}

// TestDefaults: the defaults are those of the recipe that explains them.
func TestDefaults(t *testing.T) {
	r, err := ReadRecipe("../recipes/go-minute.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Tokenizer = "bpe:4096" // what an empty tokenizer becomes for a text of that size
	if got, want := string(r.Text()), string(want.Text()); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
