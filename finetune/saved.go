package finetune

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// Trained is a classifier with everything needed to use it.
type Trained struct {
	Description
	Classifier Classifier
	Params     *graph.Params
	Encoder    *Encoder
}

// Save writes a Hugging Face model directory.
func (t *Trained) Save(dir string) error {
	c, err := t.Contents()
	if err != nil {
		return err
	}
	return checkpoint.Save(dir, c)
}

// Contents returns what Save writes: the model with the weights of its head, the tokenizer with the
// special tokens, and the description.
func (t *Trained) Contents() (c checkpoint.Contents, err error) {
	c = checkpoint.Contents{
		Params: t.Params,
		Tokenizer: func(dir string) error {
			return errors.Join(t.Encoder.Tokenizer.Save(dir), t.Description.Write(dir))
		},
	}
	c.Config, err = models.JSON(t.Classifier.Base, -1)
	return c, err
}

// Load opens a directory written by Save. The weights are mapped, not read. A classifier made from
// an edited model needs the same edits.
func Load(dir string, edits ...graph.Option) (*Trained, error) {
	d, err := checkpoint.Open(dir)
	if err != nil {
		return nil, err
	}
	t := &Trained{Params: graph.NewParams(0)}
	if _, err := fs.Stat(d.Files(), DescriptionName); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: it is not a classifier; make one with gorgpt finetune", dir, DescriptionName)
	}
	if t.Description, err = ReadDescription(d.Path()); err != nil {
		return nil, err
	}
	base, err := d.Model(edits...)
	if err != nil {
		return nil, err
	}
	t.Classifier = NewClassifier(base, t.AsTask(), t.Outputs)
	vocab := models.DimsOf(t.Classifier.Base).Vocab
	tok, err := d.Tokenizer(vocab)
	if err != nil {
		return nil, err
	}
	if tok == nil {
		return nil, fmt.Errorf("%s has no tokenizer; want the one that its classifier was trained with", dir)
	}
	if t.Encoder, err = NewEncoder(tok, t.Context); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if n := t.Encoder.Tokenizer.Size(); n > vocab {
		return nil, fmt.Errorf("%s: its tokenizer lacks the special tokens of a classifier: %d tokens with them, but the model has %d", dir, n, vocab)
	}
	if err := t.Classifier.Declare(t.Params); err != nil {
		return nil, err
	}
	if err := d.MapParams(t.Params); err != nil {
		return nil, err
	}
	return t, nil
}

// Predictor returns a predictor that scores size examples at once.
func (t *Trained) Predictor(size int) (*Predictor, error) {
	return NewPredictor(t.Classifier, t.Params, size, t.Context)
}
