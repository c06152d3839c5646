package run

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/train"
)

// TestResumeChanged: a fine-tuning run is not resumed with other examples, or with adapters beside other weights. It is
// resumed once they are as they were.
func TestResumeChanged(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, recipe := range loraRuns(t) {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := CreateTuned(recipe, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Trainer.Observers = append(r.Trainer.Observers, train.Every(3, 0, func(int) error { cancel(); return nil }))
		if err := errors.Join(r.Train(ctx), r.Close()); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		examples, others := "reviews.csv", "the examples to train or to measure on are not those that the run began with"
		if name == "pairs" {
			examples, others = "pairs.jsonl", "the position belongs to different pairs"
		}
		for file, want := range map[string]string{
			examples:                           others,
			recipe.From + "/model.safetensors": "its weights are not those that this run's adapters have been trained beside",
		} {
			kept, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if file == examples {
				write(t, examples, strings.Replace(string(kept), "3", "4", 1))
			} else {
				changeWeights(t, recipe.From)
			}
			resumed, err := ResumeTuned(Dir(name), nil)
			if err == nil {
				t.Errorf("%s: resumed with another %s", name, file)
				resumed.Close()
			} else if !strings.Contains(err.Error(), want) {
				t.Errorf("%s, another %s: %v, want %s", name, file, err, want)
			}
			write(t, "kept", string(kept))
			if err := os.Rename("kept", file); err != nil {
				t.Fatal(err)
			}
		}
		resumed, err := ResumeTuned(Dir(name), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := resumed.Close(); err != nil {
			t.Error(err)
		}
	}
}

// changeWeights changes one weight of a checkpoint.
func changeWeights(t *testing.T, dir string) {
	t.Helper()
	l, err := checkpoint.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	l.Params.All()[0].Data()[0]++
	names, err := models.TensorsOf(l.Model)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create("changed.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(checkpoint.WriteParams(f, l.Params, names), f.Close(), os.Rename("changed.safetensors", dir+"/model.safetensors")); err != nil { // the file itself is mapped
		t.Fatal(err)
	}
}
