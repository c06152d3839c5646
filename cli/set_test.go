package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/models/gpt3"
	"github.com/gorgpt/gorgpt/run"
)

// banded are arguments for a model with bands other than those of the catalog.
var banded = []string{"--model", "gpt3-nano", "--layers", "2", "--set", "window_size=5", "--set", "attention_order=banded,dense"}

// TestSet: keys given by --set are in the checkpoint and in the recipe, a run with them resumes bit for
// bit, and a resumed run cannot change them.
func TestSet(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	for _, args := range [][]string{{"--out", "whole"}, {"--out", "stopped", "--stop-after", "13"}} {
		if status, _, stderr := trainSmall(t, slices.Concat(banded, args)...); status != 0 {
			t.Fatal(stderr)
		}
	}
	recipe, err := os.ReadFile(run.Dir("whole").RecipePath())
	if err != nil || !strings.Contains(string(recipe), `set = ["window_size=5", "attention_order=banded,dense"]`) {
		t.Errorf("%v\n%s", err, recipe)
	}
	status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "stopped", "--set", "window_size=6")
	if want := `with set = ["window_size=5", "attention_order=banded,dense"], not set = ["window_size=6"]`; status != 2 || !strings.Contains(stderr, want) {
		t.Errorf("status %d, %s, want %s", status, stderr, want)
	}
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "stopped"); status != 0 {
		t.Fatal(stderr)
	}
	got, _ := losses(t, "stopped")
	if want, _ := losses(t, "whole"); !slices.Equal(got, want) {
		t.Errorf("losses\n%v\nwant\n%v", got, want)
	}
	m, err := checkpoint.Load(run.Dir("stopped").Latest())
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := m.Model.(gpt3.Config); !ok || c.Window != 5 || c.Order != "banded,dense" || c.Layers != 2 || c.ResidualDropout != 0.1 {
		t.Errorf("%+v", m.Model)
	}
	// A run that starts from these weights may have other bands.
	best := filepath.Join("whole", "checkpoints", "latest")
	more := []string{"train", "--data", "text.txt", "--from", best, "--steps", "3", "--batch", "2", "--set", "attention_order=dense", "--out", "more"}
	if status, _, stderr := gorgpt(t, t.Context(), more...); status != 0 {
		t.Fatal(stderr)
	}
	if m, err = checkpoint.Load(run.Dir("more").Latest()); err != nil || m.Model.(gpt3.Config).Order != "dense" || m.Model.(gpt3.Config).Window != 5 {
		t.Errorf("%+v, %v", m, err)
	}
}
