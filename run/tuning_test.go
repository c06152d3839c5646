package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/train"
)

// pretrained makes a checkpoint to fine-tune.
func pretrained(t *testing.T) string {
	t.Helper()
	write(t, "text.txt", strings.Repeat("1 was fun, 2 was dull\n", 100))
	r := Defaults()
	r.Model, r.Data, r.Tokenizer, r.Layers, r.Heads, r.Width = "gpt1-nano", "text.txt", "bytes", 1, 2, 32
	r.Context, r.Batch, r.Steps, r.EvalBatches, r.Dropout = 32, 4, 2, 1, 0.1
	job, err := Create(r, "base", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(job.Train(t.Context()), job.Close()); err != nil {
		t.Fatal(err)
	}
	return job.Dir.Latest()
}

// times are the only parts in which the metrics of two runs may differ.
var times = regexp.MustCompile(`"(tokens_per_s|seconds)":[^,}]*`)

// outcome returns the results of a run: its metrics, weights and predictions.
func outcome(t *testing.T, dir Dir) string {
	t.Helper()
	var all []byte
	for _, path := range []string{dir.MetricsPath(), filepath.Join(dir.Best(), "model.safetensors"), filepath.Join(string(dir), "predictions.tsv")} {
		data, err := os.ReadFile(path)
		if err != nil && !strings.HasSuffix(path, ".tsv") {
			t.Fatal(err)
		}
		all = append(all, times.ReplaceAll(data, nil)...)
	}
	return string(all)
}

// TestResumeTuned: a fine-tuning run that was interrupted, or killed and moved, ends bit for bit like one
// that was not; after a run has ended, only its best checkpoint is left.
func TestResumeTuned(t *testing.T) {
	t.Chdir(t.TempDir())
	base := pretrained(t)
	var reviews, prompts strings.Builder
	reviews.WriteString("review,stars\n")
	for i := range 60 {
		fmt.Fprintf(&reviews, "%d was %s,%d\n", i*7919%1000, []string{"dull", "fun"}[i%2], i%2)
		fmt.Fprintf(&prompts, `{"prompt":"%d","response":"%d"}`+"\n", i, i%7)
	}
	write(t, "reviews.csv", reviews.String())
	write(t, "pairs.jsonl", prompts.String())

	task := DefaultsTuned()
	task.From, task.Kind, task.Train, task.Columns.Text, task.Columns.Label = base, "classification", "reviews.csv", "review", "stars"
	task.Batch, task.Micro, task.Rate, task.SaveEvery = 8, 4, 0.01, 3
	respond := DefaultsTuned()
	respond.From, respond.Pairs = base, "pairs.jsonl"
	respond.Batch, respond.Micro, respond.Rate, respond.SaveEvery = 8, 4, 0.01, 3

	adapted, responding := task, respond
	adapted.LoRA, responding.LoRA = 2, 2

	for name, recipe := range map[string]TunedRecipe{"task": task, "pairs": respond, "task-lora": adapted, "pairs-lora": responding} {
		begin := func(dir string) *Tuning {
			r, err := CreateTuned(recipe, dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		finish := func(r *Tuning, err error) string {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(r.Train(t.Context()), r.Close()); err != nil {
				t.Fatal(err)
			}
			return outcome(t, r.Dir)
		}
		want := finish(begin(name+"-whole"), nil)

		for _, stop := range []int{2, 7, 9} { // before the first checkpoint, within an epoch, after two epochs
			dir, killed := fmt.Sprint(name, "-", stop), Dir(fmt.Sprint(name, "-killed-", stop))
			ctx, cancel := context.WithCancel(t.Context())
			r := begin(dir)
			r.Trainer.Observers = append(r.Trainer.Observers, train.Every(stop, 0, func(int) error {
				defer cancel()
				if ctx.Err() != nil {
					return nil
				}
				return os.CopyFS(string(killed), os.DirFS(dir))
			}))
			if err := r.Train(ctx); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if _, saved := r.Saved(); !saved {
				t.Errorf("%s: not saved", dir)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if finish(ResumeTuned(Dir(dir), nil)) != want {
				t.Errorf("%s goes on otherwise", dir)
			}
			if stop < recipe.SaveEvery {
				_, err := ResumeTuned(killed, nil)
				if want := fmt.Sprintf("--resume: %s: the run was stopped before its first checkpoint; begin again: gorgpt finetune %[1]s/finetune.toml", killed); err == nil || err.Error() != want {
					t.Errorf("%v\nwant %s", err, want)
				}
				continue
			}
			if finish(ResumeTuned(killed, nil)) != want {
				t.Errorf("%s goes on otherwise", killed)
			}
		}
		_, err := ResumeTuned(Dir(name+"-whole"), nil)
		if err == nil || !strings.Contains(err.Error(), "the run has finished") {
			t.Error(err)
		}
		left, err := filepath.Glob(name + "-whole/checkpoints/*/*.safetensors")
		if err != nil || len(left) != 2 { // "best", and the directory that it points to
			t.Errorf("left: %v, %v", left, err)
		}
	}
}
