package models

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/layers"
)

// Edit is m with changes of its layers, such as graph.Replace("h.*.mlp.act", ops.ReLU),
// in every graph that is declared of it: training, sampling and fine-tuning. Edits of an
// edited model come after, that is around, those it has.
//
// A Go function cannot be saved. The JSON of an edited model lists the edits by kind and
// pattern, under a key that Hugging Face's transformers ignores, and [Parse] wants the same
// edits again. Absent remains m's.
func Edit(m Model, edits ...graph.Option) Model {
	if len(edits) == 0 {
		return m
	}
	if e, ok := m.(edited); ok {
		return edited{e.Model, slices.Concat(e.edits, edits)}
	}
	return edited{m, slices.Clone(edits)}
}

// edited is a model that has its edits in whatever it declares.
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

func (m edited) States(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	s.Use(m.edits...)
	return m.Model.States(s, tokens)
}

func (m edited) Loss(s *graph.Scope, tokens, targets *G.Node) *G.Node {
	s.Use(m.edits...)
	return m.Model.Loss(s, tokens, targets)
}

func (m edited) WithDims(d layers.Dims) Model { return edited{m.Model.WithDims(d), m.edits} }

func (m edited) WithDropout(rate float64) Model { return edited{m.Model.WithDropout(rate), m.edits} }

// editsKey is where a config.json lists the edits.
const editsKey = "gorgpt_edits"

func (m edited) JSON(endOfText ...int) ([]byte, error) {
	text, err := m.Model.JSON(endOfText...)
	calls := graph.Edits(m.edits...)
	if err != nil || len(calls) == 0 {
		return text, err
	}
	list, err := json.Marshal(calls)
	if err != nil {
		return nil, err
	}
	body, ok := bytes.CutSuffix(bytes.TrimSpace(text), []byte("}"))
	if !ok {
		return nil, errors.New("models: the model's JSON is no object")
	}
	return fmt.Appendf(nil, "%s,\n  %q: %s\n}", bytes.TrimRight(body, " \n"), editsKey, list), nil
}

// Edits are those that a config.json lists, as graph.Edits words them; none for a model that
// was not edited.
func Edits(config []byte) ([]string, error) {
	var listed struct {
		Edits []string `json:"gorgpt_edits"`
	}
	if err := plainjson.Unmarshal(config, &listed); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return listed.Edits, nil
}

// reedit is m, of a config.json that lists some edits, with those that are given: the same.
func reedit(m Model, listed []string, edits []graph.Option) (Model, error) {
	given := graph.Edits(edits...)
	switch {
	case slices.Equal(listed, given):
		return Edit(m, edits...), nil
	case len(given) == 0:
		return nil, fmt.Errorf("config.json: the model was edited by %s; open it from Go with the same edits, as in checkpoint.Load(dir, edits...)", strings.Join(listed, ", "))
	case len(listed) == 0:
		return nil, fmt.Errorf("config.json: the model was not edited; it cannot be opened with %s, only edited by models.Edit afterwards", strings.Join(given, ", "))
	}
	return nil, fmt.Errorf("config.json: the model was edited by %s, not by %s", strings.Join(listed, ", "), strings.Join(given, ", "))
}
