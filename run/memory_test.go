package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
)

// TestMemory: the check of a run's memory takes --recompute and the solver into account.
func TestMemory(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("to be or not to be\n", 200)), 0o666); err != nil {
		t.Fatal(err)
	}
	recipe := Defaults()
	recipe.Data = text
	need := func(r Recipe) float64 {
		m, err := r.MakeModel(256)
		if err != nil {
			t.Fatal(err)
		}
		options, err := models.Recompute(m, r.Recompute)
		if err != nil {
			t.Fatal(err)
		}
		params := graph.NewParams(0)
		p, err := declare(m, params, r.Batch, r.Context, options...)
		if err != nil {
			t.Fatal(err)
		}
		solver, err := r.MakeSolver(m)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := solver.Kept(params)
		if err != nil {
			t.Fatal(err)
		}
		return memory.OfTraining(p, kept).Total()
	}
	less := recipe
	less.Recompute, less.Solver = true, "lion"
	machine := memory.Machine
	defer func() { memory.Machine = machine }()
	memory.Machine = func() memory.Limit { return memory.Limit{Bytes: int64(need(recipe)+need(less)) / 2} }
	for _, r := range []Recipe{recipe, less} {
		x, err := Create(r, filepath.Join(t.TempDir(), "run"), Options{})
		if r.Recompute != (err == nil) || err != nil && !strings.Contains(err.Error(), "training takes ") {
			t.Errorf("recompute %v: %v", r.Recompute, err)
		}
		if x != nil {
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
