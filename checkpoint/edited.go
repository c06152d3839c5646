package checkpoint

import (
	"encoding/json"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// kept is a source without the weights of layers that an edit took out of the model. They are in
// a checkpoint of parameters that were loaded before the edit.
type kept struct {
	weights.Source
	dropped map[string]bool
}

// Tensors implements [weights.Source].
func (k kept) Tensors() []weights.Info {
	return slices.DeleteFunc(slices.Clone(k.Source.Tensors()), func(t weights.Info) bool { return k.dropped[bare(t.Name)] })
}

// heedEdits leaves out of src what the model had before its edits, and ps has not.
func (d *Dir) heedEdits(src weights.Source, ps *graph.Params) (weights.Source, error) {
	var raw json.RawMessage
	if err := d.Config(&raw); err != nil {
		return nil, err
	}
	if edits, err := models.Edits(raw); err != nil || len(edits) == 0 {
		return src, err
	}
	m, err := models.ParseUnedited(raw)
	if err != nil {
		return nil, err
	}
	before := graph.NewParams(0)
	if err := models.Declare(m, before); err != nil {
		return nil, err
	}
	k := kept{src, make(map[string]bool)}
	for _, p := range before.All() {
		if ps.Get(p.Name()) == nil {
			k.dropped[p.Name()] = true
		}
	}
	if len(k.dropped) == 0 {
		return src, nil
	}
	return k, nil
}
