package checkpoint

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"

	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Ends returns the tokens at which a text of this model ends: those in generation_config.json, which
// transformers' generate uses, or else those in config.json. It is nil if there are none in either.
func (d *Dir) Ends() ([]int, error) {
	for _, name := range []string{generationName, configName} {
		var c struct {
			Ends models.Ends `json:"eos_token_id"`
		}
		err := d.readJSON(name, &c, plainjson.Unmarshal)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case len(c.Ends) > 0:
			return c.Ends, nil
		}
	}
	return nil, nil
}

// EndsOf returns the tokens at which a text of a model ends, given the size of its vocabulary: [Dir.Ends] or,
// if that is empty, the end of text of the tokenizer, which may be nil. Tokens outside the vocabulary, which
// the model cannot generate, are left out.
func (d *Dir) EndsOf(tok tokenizer.Tokenizer, vocab int) ([]int, error) {
	ends, err := d.Ends()
	if err != nil {
		return nil, err
	}
	if len(ends) == 0 && tok != nil {
		if id, ok := tok.EndOfText(); ok {
			ends = []int{id}
		}
	}
	return slices.DeleteFunc(slices.Clone(ends), func(id int) bool { return id >= vocab }), nil
}

// Generation returns generation_config.json as it is, for [Contents], or nil if there is none.
func (d *Dir) Generation() (json.RawMessage, error) {
	var raw json.RawMessage
	err := d.readJSON(generationName, &raw, plainjson.Unmarshal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}
