package models_test

import (
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// TestNil: a model that is given no node says which and where, for one error that compilation
// reports.
func TestNil(t *testing.T) {
	for name, m := range map[string]models.Model{
		"GPT-1": models.GPT1(gpt1.New(7, 5, 4, 2, 2)),
		"GPT-2": models.Edit(models.GPT2(gpt2.New(7, 5, 4, 2, 2)), graph.Replace("h.*.mlp.act", func(_ *graph.Scope, x *G.Node) *G.Node { return x })),
	} {
		for _, c := range []struct {
			declare func(s *graph.Scope) *G.Node
			want    string
		}{
			{func(s *graph.Scope) *G.Node { return m.Graph(s, nil) }, name + ": tokens is nil; want a node"},
			{func(s *graph.Scope) *G.Node { return m.Graph(s.At("student"), nil) }, "student: " + name + ": tokens is nil; want a node"},
			{func(s *graph.Scope) *G.Node { return m.GraphAt(s, s.Ints("tokens", 1, 5), nil) }, "rows: Pick: ids is nil; want a node"},
			{func(s *graph.Scope) *G.Node { return m.GraphAt(s, nil, s.Ints("rows", 1)) }, name + ": tokens is nil; want a node"},
			{func(s *graph.Scope) *G.Node { return m.Loss(s, s.Ints("tokens", 1, 5), nil) }, "lm_head: LinearCrossEntropy: targets is nil; want a node"},
			{func(s *graph.Scope) *G.Node { return m.Loss(s, nil, nil) }, name + ": tokens is nil; want a node"},
			{func(s *graph.Scope) *G.Node {
				x, _ := m.States(s, nil)
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
