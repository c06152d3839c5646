package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Loaded is a model out of a checkpoint, with all it takes to run it.
type Loaded struct {
	Model     models.Model
	Params    *graph.Params
	Tokenizer tokenizer.Tokenizer // nil if the checkpoint has none
	Ends      []int               // tokens that end a text, see [Dir.EndsOf]
	Path      string              // of the directory or the file, a pointer followed
}

// Load opens a checkpoint, a model directory of Hugging Face's or what else [Open] does to run it: the model that
// its config.json describes, its weights as [Dir.MapParams] maps them, and its tokenizer. What
// is to be trained on is better read by [Dir.Params].
//
// A model that was saved with edits, models.Edit, wants the same again; without, Load refuses.
func Load(dir string, edits ...graph.Option) (*Loaded, error) {
	d, err := Open(dir)
	if err != nil {
		return nil, err
	}
	l := &Loaded{Path: d.Path()}
	if l.Model, l.Params, err = d.LoadWeights(edits...); err != nil {
		return nil, err
	}
	vocab := models.DimsOf(l.Model).Vocab
	if l.Tokenizer, err = d.Tokenizer(vocab); err != nil {
		return nil, err
	}
	if l.Ends, err = d.EndsOf(l.Tokenizer, vocab); err != nil {
		return nil, err
	}
	return l, nil
}

// LoadWeights is the model that config.json describes and its weights, mapped. A checkpoint whose
// tokenizer is broken has them too.
func (d *Dir) LoadWeights(edits ...graph.Option) (models.Model, *graph.Params, error) {
	return d.LoadWeightsAs(mappedAsStored, edits...)
}

// LoadWeightsAs is LoadWeights with matrices in a width: see [MapParamsAs].
func (d *Dir) LoadWeightsAs(w Width, edits ...graph.Option) (models.Model, *graph.Params, error) {
	m, err := d.Model(edits...)
	if err != nil {
		return nil, nil, err
	}
	params := graph.NewParams(0)
	if err := models.Declare(m, params); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", d.path, err)
	}
	read := func(src weights.Source, ps *graph.Params, names models.Tensors) error {
		return MapParamsAs(src, ps, names, w)
	}
	if err := d.fill(read, params, nil); err != nil {
		return nil, nil, err
	}
	return m, params, nil
}

// Model is the model that config.json describes, with the edits that it lists, if there are any.
func (d *Dir) Model(edits ...graph.Option) (models.Model, error) {
	var raw json.RawMessage
	if err := d.Config(&raw); err != nil {
		return nil, err
	}
	m, err := models.Parse(raw, edits...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.path, err)
	}
	return m, nil
}

// Tokenizer opens the tokenizer that lies beside the weights of a model with so large a
// vocabulary, or is told by their file. It is nil if there is none, unless the weights are in the original form of a
// model of OpenAI's. Of one with more tokens, those that the model has
// not are errors of a text, as [tokenizer.Within] has it.
func (d *Dir) Tokenizer(vocab int) (tokenizer.Tokenizer, error) {
	tok, err := tokenizer.LoadFS(d.files, d.beside)
	if errors.Is(err, fs.ErrNotExist) {
		known, ok := OriginalOf(vocab)
		if !ok || d.made == nil {
			return nil, nil
		}
		tok, err = known.Tokenizer()
	}
	if err != nil {
		return nil, err
	}
	if tok, err = tokenizer.Within(tok, vocab); err != nil {
		return nil, fmt.Errorf("%s: %w", d.path, err)
	}
	return tok, nil
}
