package models

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// Edit returns m with changes to its layers, such as graph.Replace("h.*.mlp.act", ops.ReLU), or to their
// settings, such as layers.EditHead makes. They apply to every graph of the model: in training, sampling and
// fine-tuning. If m is already edited, the new edits are applied after, that is around, those it has.
//
// A Go function cannot be saved. The JSON of an edited model lists the edits by kind and pattern, under a key
// that Hugging Face's transformers ignores, and [Parse] requires the same edits again.
func Edit(m Model, edits ...graph.Option) Model {
	if len(edits) == 0 {
		return m
	}
	m, before := unedited(m)
	return edited{m, slices.Concat(before, edits)}
}

// edited is a model that applies its edits to everything it declares.
type edited struct {
	Model
	edits []graph.Option
}

// Body implements [Model].
func (m edited) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	s.Use(m.edits...)
	return m.Model.Body(s, tokens)
}

// unedited returns the model without its edits, and the edits. A pointer to a model is dereferenced.
func unedited(m Model) (Model, []graph.Option) {
	if e, ok := m.(edited); ok {
		return e.Model, e.edits
	}
	if v := reflect.ValueOf(m); v.Kind() == reflect.Pointer && !v.IsNil() {
		if pointed, ok := v.Elem().Interface().(Model); ok {
			return unedited(pointed)
		}
	}
	return m, nil
}

// editsKey is where a config.json lists the edits.
const editsKey = "gorgpt_edits"

// Edits returns the edits that a config.json lists, in the wording of graph.Edits. There are none if the
// model was not edited.
func Edits(config []byte) ([]string, error) {
	var listed struct {
		Edits []string `json:"gorgpt_edits"`
	}
	if err := plainjson.Unmarshal(config, &listed); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return listed.Edits, nil
}

// reedit returns m with edits, which must be the same as those that its config.json lists.
func reedit(m Model, listed []string, edits []graph.Option) (Model, error) {
	given := graph.Edits(edits...)
	switch {
	case slices.Equal(listed, given):
		return Edit(m, edits...), nil
	case len(given) == 0:
		return nil, fmt.Errorf("config.json: the model was edited by %s; open it from Go with the same edits, as in checkpoint.Load(dir, edits...)", strings.Join(listed, ", "))
	case len(listed) == 0:
		return nil, fmt.Errorf("config.json: the model was not edited; it cannot be opened with %s; open it without edits, then use models.Edit", strings.Join(given, ", "))
	}
	return nil, fmt.Errorf("config.json: the model was edited by %s, not by %s", strings.Join(listed, ", "), strings.Join(given, ", "))
}
