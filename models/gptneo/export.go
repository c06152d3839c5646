package gptneo

import (
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/models/gpt3"
)

// export is [From] for a model of any family, with the losses described in words.
func export(m family.Model, params *graph.Params, fold bool) (family.Model, *graph.Params, []string, error) {
	c, ok := m.(gpt3.Config)
	if plain, is := m.(gpt2.Config); is {
		c, ok = gpt3.Config{Config: plain, Order: "dense"}, true
	}
	if !ok {
		return nil, nil, nil, fmt.Errorf("a GPT-Neo can be made from a GPT-3 or a GPT-2; the model is a %s", family.Name(m))
	}
	neo, weights, loss, err := From(c, params, fold)
	if errors.Is(err, ErrQueryBias) {
		err = fmt.Errorf("%w: train with --set bias=false, or move it into ln_1 with --fold-query-bias", err)
	}
	return neo, weights, loss.notes(), err
}

// notes describes the losses in words.
func (l Loss) notes() (notes []string) {
	if l.Rounded {
		notes = append(notes, "the queries' weights include the scale of the scores, which is not a power of two, so they are rounded")
	}
	if l.Condition > 0 {
		notes = append(notes, fmt.Sprintf("the queries' biases were moved into ln_1 through weights with a condition number of up to %.3g (h.%d), which multiplies rounding errors by that much", l.Condition, l.Layer))
	}
	return notes
}
