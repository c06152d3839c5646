package run_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/run"
)

// TestEditedGraph: a run cannot train another model than its checkpoints describe, but it may watch its layers.
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

// TestResumeOther: resuming with a recipe that is not the run's is an error that names the setting.
func TestResumeOther(t *testing.T) {
	dir := t.TempDir()
	recipe, err := tiny(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := run.Create(recipe, filepath.Join(dir, "run"), run.Options{StopAfter: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Train(context.Background()), r.Close()); err != nil {
		t.Fatal(err)
	}
	recipe.Tokenizer = "bytes"
	if _, err := run.Resume(r.Dir, recipe, run.Options{}); err == nil || !strings.Contains(err.Error(), `with tokenizer = "chars", not tokenizer = "bytes"; only`) {
		t.Errorf("%v, want the setting that differs", err)
	}
}
