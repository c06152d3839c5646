package models_test

import (
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/models/gpt3"
	"github.com/gorgpt/gorgpt/models/gptneo"
	"github.com/gorgpt/gorgpt/models/gptoss"
	"github.com/gorgpt/gorgpt/models/llama"
	"github.com/gorgpt/gorgpt/models/mixtral"
	"github.com/gorgpt/gorgpt/models/nanochat"
)

// TestNil: for a model that is given a nil node, the error names the input and the path, and compiling
// returns only that error.
func TestNil(t *testing.T) {
	for name, m := range map[string]models.Model{
		"gpt1": gpt1.New(7, 5, 4, 2, 2),
		"gpt3": gpt3.New(7, 5, 4, 2, 2), "gptneo": gptneo.New(7, 5, 4, 2, 2), "nanochat": nanochat.New(7, 5, 4, 2, 2), "llama": llama.New(7, 5, 4, 2, 2), "mixtral": mixtral.New(7, 5, 4, 2, 2), "gptoss": gptoss.New(7, 5, 4, 2, 2),
		"gpt2": models.Edit(gpt2.New(7, 5, 4, 2, 2), graph.Replace("h.*.mlp.act", func(_ *graph.Scope, x *G.Node) *G.Node { return x })),
	} {
		for _, c := range []struct {
			declare func(s *graph.Scope) *G.Node
			want    string
		}{
			{func(s *graph.Scope) *G.Node { return models.Logits(m, s, nil) }, name + ": tokens is nil; want a node"},
			{func(s *graph.Scope) *G.Node { return models.Logits(m, s.At("student"), nil) }, "student: " + name + ": tokens is nil; want a node"},
			{func(s *graph.Scope) *G.Node { return models.LogitsAt(m, s, s.Ints("tokens", 1, 5), nil) }, "rows: Pick: ids is nil; want a node"},
			{func(s *graph.Scope) *G.Node { return models.LogitsAt(m, s, nil, s.Ints("rows", 1)) }, name + ": tokens is nil; want a node"},
			{func(s *graph.Scope) *G.Node { return models.Loss(m, s, s.Ints("tokens", 1, 5), nil) }, "lm_head: LinearCrossEntropy: targets is nil; want a node"},
			{func(s *graph.Scope) *G.Node { return models.Loss(m, s, nil, nil) }, name + ": tokens is nil; want a node"},
			{func(s *graph.Scope) *G.Node {
				x, _ := models.Body(m, s, nil)
				return layers.Linear(s, x, 2, layers.Weights{})
			}, name + ": tokens is nil; want a node"},
		} {
			s := graph.New(graph.NewParams(1), graph.Training())
			if _, err := s.Compile(c.declare(s)); err == nil || err.Error() != c.want {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		}
	}
}
