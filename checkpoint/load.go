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

// Loaded is a model loaded from a checkpoint, with everything needed to run it.
type Loaded struct {
	Model     models.Model
	Params    *graph.Params
	Tokenizer tokenizer.Tokenizer // nil if the checkpoint has none
	Ends      []int               // tokens that end a text, see [Dir.EndsOf]
	Path      string              // of the directory or the file, with pointers followed
}

// Load opens a checkpoint, a Hugging Face model directory or anything else that [Open] reads, in order to run
// it. It loads the model that config.json describes, its weights as [Dir.MapParams] maps them, and its
// tokenizer. To resume training, read the weights with [Dir.Params] instead.
//
// A model that was saved with edits (models.Edit) needs the same edits again; without them, Load returns an
// error.
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

// LoadWeights returns the model that config.json describes, and its weights, mapped. It works even if the
// checkpoint's tokenizer is broken.
func (d *Dir) LoadWeights(edits ...graph.Option) (models.Model, *graph.Params, error) {
	return d.LoadWeightsAs(mappedAsStored, edits...)
}

// LoadWeightsAs is LoadWeights with matrices in the given width: see [MapParamsAs].
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

// Model returns the model that config.json describes, with the edits that it lists, if any.
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

// Tokenizer opens the checkpoint's tokenizer, from the files beside the weights or from the file that holds
// both, for a model with the given size of vocabulary. If there is none, it returns nil, except for weights
// in the original form of a model of OpenAI's, whose tokenizer is known. If the tokenizer has more tokens
// than the model, a text with one of these is an error, as in [tokenizer.Within].
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
