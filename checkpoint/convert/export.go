package convert

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// saveExport writes a model as one of another family, and notes what was lost.
func (c *conversion) saveExport(o *checkpoint.Origin, m models.Model, params *graph.Params, made tokenizer.Tokenizer, r *Result) error {
	to, weights, notes, err := c.export.Of(m, params, c.foldQueryBias)
	if err != nil {
		return fmt.Errorf("%s: %w", c.in, err)
	}
	r.Notes = append(r.Notes, notes...)
	ends, err := endsOf(o)
	if err != nil {
		return err
	}
	as := *o
	if as.Config, err = models.JSON(to, ends...); err != nil {
		return err
	}
	return c.saveHuggingFace(&as, to, weights, made)
}

// endsOf returns the tokens that end a text according to the configuration.
func endsOf(o *checkpoint.Origin) ([]int, error) {
	var c struct {
		Ends models.Ends `json:"eos_token_id"`
	}
	err := json.Unmarshal(o.Config, &c)
	return c.Ends, err
}

// forms returns the names of the forms that can be written, and the exports of families by name.
func forms() ([]string, map[string]models.Export, error) {
	exports, err := models.Exports()
	names := []string{"hf"}
	by := make(map[string]models.Export)
	for _, e := range exports {
		names, by[e.Name] = append(names, e.Name), e
	}
	return append(names, slices.Sorted(maps.Keys(single))...), by, err
}
