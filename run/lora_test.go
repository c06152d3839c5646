package run

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/smollm2"
	"github.com/gorgpt/gorgpt/memory"
)

// loraRuns returns recipes that train adapters, one for a task and one for pairs.
func loraRuns(t *testing.T) map[string]TunedRecipe {
	t.Helper()
	base := pretrained(t)
	var reviews, prompts strings.Builder
	reviews.WriteString("review,stars\n")
	for i := range 60 {
		fmt.Fprintf(&reviews, "%d was %s,%d\n", i*7919%1000, []string{"dull", "fun"}[i%2], i%2)
		fmt.Fprintf(&prompts, `{"prompt":"%d","response":"%d"}`+"\n", i, i%7)
	}
	write(t, "reviews.csv", reviews.String())
	write(t, "pairs.jsonl", prompts.String())
	common := DefaultsTuned()
	common.From, common.Batch, common.Micro, common.Rate, common.LoRA, common.Epochs = base, 8, 4, 0.02, 2, 4
	task, respond := common, common
	task.Kind, task.Train, task.Columns.Text, task.Columns.Label = "classification", "reviews.csv", "review", "stars"
	respond.Pairs = "pairs.jsonl"
	return map[string]TunedRecipe{"task": task, "pairs": respond}
}

// TestLoRA: adapters are trained, and parameters without adapters do not change by a single bit. The
// checkpoint is a model like any other, and gives the same answers as the run's model.
func TestLoRA(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, recipe := range loraRuns(t) {
		var log bytes.Buffer
		r, err := CreateTuned(recipe, name, &log)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.Train(t.Context()), r.Close()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), " weights are trained; memory ") {
			t.Errorf("%s: the log has no memory:\n%s", name, log.String())
		}
		if exists(filepath.Join(r.Dir.Best(), "lora.safetensors")) {
			t.Errorf("%s: has ended, and keeps what only going on needs", name)
		}
		before, err := checkpoint.Load(recipe.From)
		if err != nil {
			t.Fatal(err)
		}
		var after *graph.Params
		if name == "task" {
			trained, err := finetune.Load(r.Dir.Best())
			if err != nil {
				t.Fatal(err)
			}
			after = trained.Params
			checkAnswers(t, trained, r.Dir)
		} else {
			trained, err := checkpoint.Load(r.Dir.Best())
			if err != nil {
				t.Fatal(err)
			}
			after = trained.Params
			if !(r.Last.Loss < r.First.Loss) {
				t.Errorf("pairs: a loss of %v after %v", r.Last.Loss, r.First.Loss)
			}
		}
		for _, p := range before.Params.All() {
			now := after.Get(p.Name()).Data()[:p.Size()] // the embedding may have new rows at the end
			matrix := strings.HasPrefix(p.Name(), "h.") && len(p.Shape()) == 2
			if same := slices.Equal(now, p.Data()); same == matrix {
				t.Errorf("%s: %s is the same: %v", name, p.Name(), same)
			}
		}
	}
}

// checkAnswers compares a classifier's answers with the predictions of its run.
func checkAnswers(t *testing.T, c *finetune.Trained, dir Dir) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(string(dir), "predictions.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	reviews, err := os.ReadFile("reviews.csv")
	if err != nil {
		t.Fatal(err)
	}
	predictor, err := c.Predictor(1)
	if err != nil {
		t.Fatal(err)
	}
	defer predictor.Close()
	lines := strings.Split(string(reviews), "\n")
	said := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	for _, line := range said {
		var at int
		var truth, answer string
		if _, err := fmt.Sscan(line, &at, &truth, &answer); err != nil {
			t.Fatal(err)
		}
		review, _, _ := strings.Cut(lines[at-1], ",")
		sequences, err := c.Encoder.Encode(c.Kind, tasks.Example{Text: review})
		if err != nil {
			t.Fatal(err)
		}
		p, err := predictor.Predict([]finetune.Example{{Sequences: sequences, Targets: make([]float32, 2)}})
		if err != nil {
			t.Fatal(err)
		}
		best := 0.0
		if p[0][1] > p[0][0] {
			best = 1
		}
		if got := c.Answer(best); got != answer {
			t.Errorf("%s: %s, and the run said %s", review, got, answer)
		}
	}
	if len(said) != 6 {
		t.Errorf("%d predictions, want a tenth of 60", len(said))
	}
}

// TestLoRAMemory: adapters take less memory than whole weights, and can be trained where whole weights cannot.
func TestLoRAMemory(t *testing.T) {
	t.Chdir(t.TempDir())
	machine := memory.Machine
	defer func() { memory.Machine = machine }()
	for name, recipe := range loraRuns(t) {
		full := recipe
		full.LoRA = 0
		takes := func(r TunedRecipe) (bytes float64) {
			memory.Machine = func() memory.Limit { return memory.Limit{Bytes: 1} }
			_, err := CreateTuned(r, "", nil)
			var size float64
			var unit string
			if _, scanned := fmt.Sscanf(fmt.Sprint(err), "training takes %f %s of memory", &size, &unit); scanned != nil || unit != "MB" {
				t.Fatalf("%v", err)
			}
			return size * 1e6
		}
		less, more := takes(recipe), takes(full)
		if !(less < more) {
			t.Errorf("%s: adapters take %v bytes, whole weights %v", name, less, more)
		}
		memory.Machine = func() memory.Limit { return memory.Limit{Bytes: int64(less+more) / 2} }
		for _, r := range []TunedRecipe{recipe, full} {
			x, err := CreateTuned(r, filepath.Join(t.TempDir(), "run"), nil)
			if (err == nil) != (r.LoRA > 0) || err != nil && !strings.HasSuffix(err.Error(), ": a smaller --micro or --context takes less, and so do --lora and --sum fast") {
				t.Errorf("%s: rank %d: %v", name, r.LoRA, err)
			}
			if x != nil {
				if err := x.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	fresh := DefaultsTuned()
	fresh.From, fresh.Task, fresh.Data, fresh.Fresh, fresh.LoRA = "x", "rte", "y", true, 2
	if err := fresh.Validate(); err == nil || err.Error() != "--lora adapts what a model has learned, which --fresh forgets" {
		t.Error(err)
	}
}

// TestTuneSmolLM2: a pre-trained model in llama.cpp's file format is fine-tuned with adapters, in less than
// two thirds of the memory that training all its weights would take. The result is a Hugging Face directory
// that gives the same answers as the run's model.
func TestTuneSmolLM2(t *testing.T) {
	from := smollm2.Path(t)
	t.Chdir(t.TempDir())
	var reviews strings.Builder
	reviews.WriteString("review,stars\n")
	for i := range 60 {
		fmt.Fprintf(&reviews, "%d was %s,%d\n", i*7919%1000, []string{"dull", "fun"}[i%2], i%2)
	}
	write(t, "reviews.csv", reviews.String())
	recipe := DefaultsTuned()
	recipe.From, recipe.Kind, recipe.Train, recipe.Columns.Text, recipe.Columns.Label = from, "classification", "reviews.csv", "review", "stars"
	recipe.Batch, recipe.Micro, recipe.Rate, recipe.LoRA, recipe.Epochs, recipe.Auxiliary, recipe.Dropout = 9, 9, 2e-3, 4, 1, 0, 0
	full := recipe
	full.LoRA = 0
	logs := make(map[int]string)
	for _, r := range []TunedRecipe{full, recipe} {
		var log bytes.Buffer
		x, err := CreateTuned(r, fmt.Sprint("run", r.LoRA), &log)
		if err != nil {
			t.Fatal(err)
		}
		if r.LoRA > 0 {
			err = x.Train(t.Context())
		}
		if err := errors.Join(err, x.Close()); err != nil {
			t.Fatal(err)
		}
		logs[r.LoRA] = log.String()
	}
	takes := make(map[int]float64)
	for rank, log := range logs {
		_, after, _ := strings.Cut(log, "; memory ")
		var size float64
		if _, err := fmt.Sscanf(after, "%f GB: weights ", &size); err != nil {
			t.Fatalf("%v in:\n%s", err, log)
		}
		takes[rank] = size
	}
	if !(takes[0] > 2.152 && takes[0] < 3 && takes[4] < 2./3*takes[0]) { // four numbers for each of 134,517,890 weights, plus the results
		t.Errorf("%v GB for all weights, %v for adapters", takes[0], takes[4])
	}
	trained, err := finetune.Load("run4/checkpoints/best")
	if err != nil {
		t.Fatal(err)
	}
	checkAnswers(t, trained, "run4")
}
