package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Trained is a model loaded from a checkpoint.
type Trained struct {
	Model      models.Model
	Params     *graph.Params
	Tokenizer  tokenizer.Tokenizer // nil if there is no usable one; see [Trained.NeedTokenizer]
	Ends       []int               // tokens that end a text
	Generation json.RawMessage     // generation_config.json, if there is one

	untold error  // why there is no tokenizer
	given  string // the path as given by the caller
}

// Load opens for use what [checkpoint.Open] opens, which must have a tokenizer.
func Load(dir string) (*Trained, error) { return LoadAs(dir, "") }

// LoadAs is [Load] with matrices of the given width.
func LoadAs(dir string, w checkpoint.Width) (*Trained, error) {
	m, err := LoadWeightsAs(dir, w)
	if err != nil {
		return nil, err
	}
	return m, m.NeedTokenizer()
}

// LoadWeights is [Load] for checkpoints that may have no tokenizer.
func LoadWeights(dir string) (*Trained, error) { return LoadWeightsAs(dir, "") }

// LoadWeightsAs is [LoadAs] for checkpoints that may have no tokenizer.
func LoadWeightsAs(dir string, w checkpoint.Width) (*Trained, error) {
	d, err := checkpoint.Open(dir)
	if err != nil {
		return nil, NotCheckpoint(dir, err)
	}
	if _, err := fs.Stat(d.Files(), finetune.DescriptionName); err == nil {
		return nil, fmt.Errorf("%s: a classifier, which writes no text: use gorgpt classify", dir)
	}
	m := &Trained{given: dir}
	if m.Model, m.Params, err = d.LoadWeightsAs(w); err != nil {
		return nil, err
	}
	vocab := models.DimsOf(m.Model).Vocab
	m.Tokenizer, m.untold = d.Tokenizer(vocab)
	if m.Generation, err = d.Generation(); err != nil {
		return nil, err
	}
	if m.Ends, err = d.EndsOf(m.Tokenizer, vocab); err != nil {
		return nil, err
	}
	return m, nil
}

// NotCheckpoint explains an error about a folder that is not a checkpoint: if the folder is that of
// a run, it names the run's best checkpoint.
func NotCheckpoint(dir string, err error) error {
	if path, no := store.Local(dir); no != nil || store.IsURL(path) {
		return err
	} else {
		dir = path
	}
	if _, no := os.Stat(dir); errors.Is(no, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file or folder", dir)
	}
	return OrBest(dir, err)
}

// OrBest adds to an error about a run's folder the path of the run's best checkpoint.
func OrBest(dir string, err error) error {
	if best := Dir(dir).Best(); exists(best) {
		return fmt.Errorf("%w; did you mean %s?", err, best)
	}
	return err
}

// NeedTokenizer returns an error if there is no usable tokenizer with the weights.
func (m *Trained) NeedTokenizer() error {
	if m.untold != nil {
		return m.untold
	}
	if info, err := os.Stat(m.given); m.Tokenizer == nil && err == nil && info.Mode().IsRegular() {
		return fmt.Errorf("%s has no tokenizer: convert it to a folder with gorgpt convert, and copy tokenizer.json, or vocab.json and merges.txt, into that folder", m.given)
	}
	if m.Tokenizer == nil {
		return fmt.Errorf("%s has no tokenizer: put tokenizer.json, or vocab.json and merges.txt, beside its weights", m.given)
	}
	return nil
}
