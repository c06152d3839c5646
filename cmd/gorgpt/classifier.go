package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// classifier is a fine-tuned model out of a checkpoint.
type classifier struct {
	finetune.Description
	encoder   *finetune.Encoder
	predictor *finetune.Predictor
}

// loadClassifier opens what gorgpt finetune has saved.
func loadClassifier(dir string) (*classifier, error) {
	d, err := checkpoint.Open(dir)
	if err != nil {
		return nil, err
	}
	c := new(classifier)
	if c.Description, err = finetune.ReadDescription(d.Path()); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s has no %s: it is no classifier; make one with gorgpt finetune", dir, finetune.DescriptionName)
		}
		return nil, err
	}
	var raw json.RawMessage
	if err := d.Config(&raw); err != nil {
		return nil, err
	}
	m, err := models.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	base := &trained{model: m, given: dir, dir: d.Path()}
	if err := base.loadTokenizer(); err != nil {
		return nil, err
	}
	if c.encoder, err = finetune.NewEncoder(base.tokenizer, c.Context); err != nil {
		return nil, err
	}
	head := finetune.Classifier{Base: m, Kind: c.Kind, Outputs: c.Outputs}
	params := graph.NewParams(0)
	if err := head.Declare(params); err != nil {
		return nil, err
	}
	if err := d.MapParams(params, m.Absent()); err != nil {
		return nil, err
	}
	c.predictor, err = finetune.NewPredictor(head, params, 1, c.Context)
	return c, err
}
