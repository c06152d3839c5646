package run_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/run"
)

// TestEdits: a run of an edited model that was stopped and resumed ends bit for bit like one that was not. It
// can be resumed only with the same edits, and another run can start from those of its weights that fit.
func TestEdits(t *testing.T) {
	dir := t.TempDir()
	recipe, err := tiny(dir)
	if err != nil {
		t.Fatal(err)
	}
	heads := layers.EditAttention("h.*.attn", layers.Rotary(ops.RotaryOptions{}))
	edits := []graph.Option{graph.Remove("wpe"), heads}
	train := func(r *run.Run, err error) *run.Run {
		t.Helper()
		if err == nil {
			err = errors.Join(r.Train(t.Context()), r.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	whole := train(run.Create(recipe, filepath.Join(dir, "whole"), run.Options{Edits: edits}))
	stopped := train(run.Create(recipe, filepath.Join(dir, "stopped"), run.Options{Edits: edits, StopAfter: 2}))
	for _, other := range [][]graph.Option{nil, edits[:1]} {
		if _, err := run.Resume(stopped.Dir, recipe, run.Options{Edits: other}); err == nil || !strings.Contains(err.Error(), "the model was edited by Remove(wpe), EditAttention(h.*.attn)") {
			t.Errorf("%d edits: %v", len(other), err)
		}
	}
	resumed := train(run.Resume(stopped.Dir, recipe, run.Options{Edits: edits}))
	if whole.Params.Get("wpe.weight") != nil || len(whole.Params.All()) == 0 {
		t.Errorf("parameters %v", whole.Params.Names())
	}
	for _, p := range whole.Params.All() {
		if !slices.Equal(p.Data(), resumed.Params.Get(p.Name()).Data()) {
			t.Errorf("%s differs between the run and the run that was stopped", p.Name())
		}
	}

	plain := train(run.Create(recipe, filepath.Join(dir, "plain"), run.Options{}))
	recipe.From, recipe.Model, recipe.Layers, recipe.Heads, recipe.Width, recipe.Tokenizer = plain.Dir.Latest(), "", 0, 0, 0, ""
	begun, err := run.Create(recipe, filepath.Join(dir, "begun"), run.Options{Edits: edits, StopAfter: 2})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(begun.Params.Get("wte.weight").Data(), plain.Params.Get("wte.weight").Data()) {
		t.Error("it does not begin with the weights of --from")
	}
	train(begun, nil)
	train(run.Resume(begun.Dir, recipe, run.Options{Edits: edits}))
}
