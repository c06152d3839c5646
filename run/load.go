package cli

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
	tokenizer tokenizer.Tokenizer // nil, and why
	untold    error
	ends      []int // tokens that end a text

	generation json.RawMessage // generation_config.json, if there is one
	given      string          // the directory, as named
}

// load opens a checkpoint or another Hugging Face directory with a tokenizer, to be run.
func load(dir string) (*trained, error) {
	m, err := loadWeights(dir)
	if err != nil {
		return nil, err
	}
	return m, m.needTokenizer()
}

// loadWeights is load of a directory that may have no tokenizer.
func loadWeights(dir string) (*trained, error) {
	d, err := checkpoint.Open(dir)
	if err != nil {
		return nil, notCheckpoint(dir, err)
	}
	if _, err := os.Stat(filepath.Join(d.Path(), finetune.DescriptionName)); err == nil {
		return nil, fmt.Errorf("%s: a classifier, which writes no text: use gorgpt classify", dir)
	}
	m := &trained{given: dir}
	if m.model, m.params, err = d.LoadWeights(); err != nil {
		return nil, err
	}
	vocab := m.model.Dims().Vocab
	m.tokenizer, m.untold = d.Tokenizer(vocab)
	if m.generation, err = d.Generation(); err != nil {
		return nil, err
	}
	if m.ends, err = d.EndsOf(m.tokenizer, vocab); err != nil {
		return nil, err
	}
	return m, nil
}

// notCheckpoint says of a folder that is no checkpoint where one is, if it is a run's.
func notCheckpoint(dir string, err error) error {
	if _, no := os.Stat(dir); errors.Is(no, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such folder", dir)
	}
	return orBest(dir, err)
}

// orBest adds to an error about a run's folder which is its best checkpoint.
func orBest(dir string, err error) error {
	if best := filepath.Join(checkpointsDir(dir), "best"); exists(best) {
		return fmt.Errorf("%w; did you mean %s?", err, best)
	}
	return err
}

// needTokenizer says that there is no tokenizer beside the weights, or none that can be used.
func (m *trained) needTokenizer() error {
	if m.untold != nil {
		return m.untold
	}
	if m.tokenizer == nil {
		return fmt.Errorf("%s has no tokenizer: copy tokenizer.json, or vocab.json and merges.txt, into it", m.given)
	}
	return nil
}
