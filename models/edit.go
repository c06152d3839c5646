package models

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
)

// Edit is m with changes of its layers, such as graph.Replace("h.*.mlp.act", ops.ReLU),
// in every graph that is declared of it. Its JSON and Absent remain m's: Hugging Face's
// configuration cannot tell of an edit.
func Edit(m Model, edits ...graph.Option) Model { return edited{m, edits} }

type edited struct {
	Model
	edits []graph.Option
}

func (m edited) Graph(s *graph.Scope, tokens *G.Node) *G.Node {
	s.Use(m.edits...)
	return m.Model.Graph(s, tokens)
}

func (m edited) GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node {
	s.Use(m.edits...)
	return m.Model.GraphAt(s, tokens, rows)
}

func (m edited) Loss(s *graph.Scope, tokens, targets *G.Node) *G.Node {
	s.Use(m.edits...)
	return m.Model.Loss(s, tokens, targets)
}

func (m edited) WithDims(d layers.Dims) Model { return edited{m.Model.WithDims(d), m.edits} }

func (m edited) WithDropout(rate float64) Model { return edited{m.Model.WithDropout(rate), m.edits} }
