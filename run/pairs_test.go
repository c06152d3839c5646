package run

import (
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/train"
)

// TestRunsOfPairs: the number of pairs in a micro-batch divides the number in an update.
func TestRunsOfPairs(t *testing.T) {
	for _, c := range [][5]int{{32, 8, 100, 8, 32}, {10, 8, 100, 5, 10}, {7, 3, 100, 1, 7}, {6, 6, 4, 4, 4}, {4, 8, 100, 4, 4}} {
		r := TunedRecipe{Batch: c[0], Micro: c[1]}
		if run, update := r.runs(c[2]); run != c[3] || update != c[4] {
			t.Errorf("a batch of %d, micro %d, %d pairs: runs of %d for updates of %d, want %d and %d", c[0], c[1], c[2], run, update, c[3], c[4])
		}
	}
}

// TestFitted: batches are as wide as the longest pair, whatever the model's context, and at most as wide as --context.
func TestFitted(t *testing.T) {
	t.Chdir(t.TempDir())
	base := pretrained(t) // with a context of 32
	write(t, "pairs.jsonl", strings.Repeat(`{"prompt":"ab","response":"c"}`+"\n", 20)+`{"prompt":"abcdef","response":"`+strings.Repeat("x", 8)+`"}`+"\n")
	for given, want := range map[int]int{0: 16, 32: 16, 12: 12} {
		r := DefaultsTuned()
		r.From, r.Pairs, r.Context = base, "pairs.jsonl", given
		tuning, err := CreateTuned(r, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if task := tuning.Trainer.Task.(*train.NextToken); task.Context != want {
			t.Errorf("--context %d: %d tokens wide, want %d", given, task.Context, want)
		}
		if err := tuning.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDropped: without --dropout, a model keeps the rates that it was pre-trained with.
func TestDropped(t *testing.T) {
	m, err := models.Find("gpt1-nano")
	if err != nil {
		t.Fatal(err)
	}
	m = models.WithDropout(m, 0.25)
	for given, want := range map[float64]float64{-1: 0.25, 0: 0, 0.5: 0.5} {
		r := DefaultsTuned()
		if r.Dropout != pretrainedDropout {
			t.Fatalf("by default %v", r.Dropout)
		}
		r.Dropout = given
		if got := models.DropoutOf(r.dropped(m)); got != want {
			t.Errorf("--dropout %v: %v, want %v", given, got, want)
		}
	}
}
