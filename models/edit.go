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

// Edit is m with changes of its layers, such as graph.Replace("h.*.mlp.act", ops.ReLU), or of
// their settings, such as layers.EditHead's, in every graph that is declared of it: training, sampling and fine-tuning. Edits of an
// edited model come after, that is around, those it has.
//
// A Go function cannot be saved. The JSON of an edited model lists the edits by kind and
// pattern, under a key that Hugging Face's transformers ignores, and [Parse] wants the same
// edits again.
func Edit(m Model, edits ...graph.Option) Model {
	if len(edits) == 0 {
		return m
	}
	m, before := unedited(m)
	return edited{m, slices.Concat(before, edits)}
}

// edited is a model that has its edits in whatever it declares.
type edited struct {
	Model
	edits []graph.Option
}

// Body implements [Model].
func (m edited) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	s.Use(m.edits...)
	return m.Model.Body(s, tokens)
}

// unedited is the model without its edits, and these. Of a pointer to a model it is that.
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
