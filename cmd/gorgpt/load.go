package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// trained is a model out of a checkpoint.
type trained struct {
	model     models.Model
	params    *graph.Params
	tokenizer tokenizer.Tokenizer

	given, dir string // as named, and what a pointer of that name stands for
}

// load opens a checkpoint or another Hugging Face directory, to be run: the weights
// are the mapped file where the system can.
func load(dir string) (*trained, error) {
	m, err := loadWeights(dir)
	if err != nil {
		return nil, err
	}
	return m, m.loadTokenizer()
}

// loadWeights is load without the tokenizer.
func loadWeights(dir string) (*trained, error) {
	d, err := checkpoint.Open(dir)
	if err != nil {
		return nil, notCheckpoint(dir, err)
	}
	var raw json.RawMessage
	if err := d.Config(&raw); err != nil {
		return nil, err
	}
	m := &trained{params: graph.NewParams(0), given: dir, dir: d.Path()}
	if m.model, err = models.Parse(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if err := declareInto(m.model, m.params); err != nil {
		return nil, err
	}
	if err := d.MapParams(m.params, m.model.Absent()); err != nil {
		if _, no := os.Stat(filepath.Join(d.Path(), finetune.DescriptionName)); no == nil {
			return nil, fmt.Errorf("%s: a classifier, which writes no text: use gorgpt classify", dir)
		}
		return nil, err
	}
	return m, nil
}

// notCheckpoint says of a folder that is no checkpoint where one is, if it is a run's.
func notCheckpoint(dir string, err error) error {
	if _, no := os.Stat(dir); errors.Is(no, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such folder", dir)
	}
	best := filepath.Join(checkpointsDir(dir), "best")
	if _, no := os.Stat(best); no == nil {
		return fmt.Errorf("%w; did you mean %s?", err, best)
	}
	return err
}

// loadTokenizer opens the tokenizer that lies beside the weights.
func (m *trained) loadTokenizer() error {
	tok, err := tokenizer.Load(m.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no tokenizer.json", m.given)
	}
	if err != nil {
		return err
	}
	if tok.Size() > m.model.Dims().Vocab {
		return fmt.Errorf("%s: the tokenizer has %d tokens, the model %d", m.given, tok.Size(), m.model.Dims().Vocab)
	}
	m.tokenizer = tok
	return nil
}
