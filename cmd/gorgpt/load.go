package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// trained is a model out of a checkpoint.
type trained struct {
	model     models.Model
	params    *graph.Params
	tokenizer tokenizer.Tokenizer
}

// load opens a checkpoint or another Hugging Face directory, to be run: the weights
// are the mapped file where the system can.
func load(dir string) (*trained, error) {
	d, err := checkpoint.Open(dir)
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := d.Config(&raw); err != nil {
		return nil, err
	}
	m := &trained{params: graph.NewParams(0)}
	if m.model, err = models.Parse(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if m.tokenizer, err = tokenizer.Load(d.Path()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s has no tokenizer.json", dir)
		}
		return nil, err
	}
	if m.tokenizer.Size() > m.model.Dims().Vocab {
		return nil, fmt.Errorf("%s: the tokenizer has %d tokens, the model %d", dir, m.tokenizer.Size(), m.model.Dims().Vocab)
	}
	if err := declareInto(m.model, m.params); err != nil {
		return nil, err
	}
	return m, d.MapParams(m.params, m.model.Absent())
}
