package run_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/run"
)

// TestEditedGraph: a run trains the model that its checkpoints tell of, and may watch it.
func TestEditedGraph(t *testing.T) {
	dir := t.TempDir()
	recipe, err := tiny(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := run.Create(recipe, filepath.Join(dir, "run"), run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Trainer.Graph = []graph.Option{graph.Watch("h.*.mlp"), graph.Replace("h.*.mlp.act", ops.ReLU)}
	if err := r.Train(context.Background()); err == nil || !strings.Contains(err.Error(), "by Replace(h.*.mlp.act)") {
		t.Errorf("%v, want that the edit is refused", err)
	}
	r.Trainer.Graph = r.Trainer.Graph[:1]
	if err := r.Train(context.Background()); err != nil {
		t.Error(err)
	}
}
