package convert

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/models/gpt3"
	"github.com/gorgpt/gorgpt/models/gptneo"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// gpt3Of is a model as a GPT-3, which a GPT-2 is without bands.
func gpt3Of(m models.Model) (gpt3.Config, error) {
	switch c := m.(type) {
	case gpt3.Config:
		return c, nil
	case gpt2.Config:
		return gpt3.Config{Config: c, Order: "dense"}, nil
	}
	return gpt3.Config{}, fmt.Errorf("--to gpt-neo is for GPT-3 and GPT-2; the model is %s", models.NameOf(m))
}

// saveGPTNeo writes a GPT-3 or a GPT-2 as a GPT-Neo, and notes what was lost.
func (c *conversion) saveGPTNeo(o *checkpoint.Origin, m models.Model, params *graph.Params, made tokenizer.Tokenizer, r *Result) error {
	from, err := gpt3Of(m)
	if err != nil {
		return err
	}
	neo, weights, loss, err := gptneo.From(from, params, c.foldQueryBias)
	if errors.Is(err, gptneo.ErrQueryBias) {
		return fmt.Errorf("%s: %w: train with --set bias=false, or have it moved into ln_1 by --fold-query-bias", c.in, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.in, err)
	}
	if loss.Rounded {
		r.Notes = append(r.Notes, "the queries' weights hold the scale of the scores, which is no power of two: they are rounded")
	}
	if loss.Condition > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("the queries' biases are in ln_1, by weights of a condition number of up to %.3g (h.%d): rounding counts that many times for them", loss.Condition, loss.Layer))
	}
	var ends struct {
		Ends models.Ends `json:"eos_token_id"`
	}
	if err := json.Unmarshal(o.Config, &ends); err != nil {
		return err
	}
	as := *o
	if as.Config, err = models.JSON(neo, ends.Ends...); err != nil {
		return err
	}
	return c.saveHuggingFace(&as, neo, weights, made)
}
