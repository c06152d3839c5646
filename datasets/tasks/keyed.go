package tasks

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// readKeyed reads the format of CommonsenseQA, OpenBookQA and ARC: choices with keys, of which
// answerKey names one. The record may be flat or, as published, have the question nested.
func readKeyed(path string) (Set, error) {
	return readChoices(path, func(text []byte) (e Example, err error) {
		var row struct {
			Question  json.RawMessage
			Stem      string `json:"question_stem"`
			Choices   struct{ Label, Text []string }
			AnswerKey *string
		}
		if err := plainjson.Unmarshal(text, &row); err != nil {
			return e, err
		}
		if row.Question == nil && row.Stem == "" || row.AnswerKey == nil {
			return e, errors.New("want the keys question and answerKey")
		}
		keys := row.Choices.Label
		e.Text, e.Choices = row.Stem, row.Choices.Text
		if row.Question != nil && plainjson.Unmarshal(row.Question, &e.Text) != nil {
			var nested struct {
				Stem    string
				Choices []struct{ Label, Text string }
			}
			if err := plainjson.Unmarshal(row.Question, &nested); err != nil {
				return e, err
			}
			e.Text = nested.Stem
			for _, c := range nested.Choices {
				keys, e.Choices = append(keys, c.Label), append(e.Choices, c.Text)
			}
		}
		if len(keys) != len(e.Choices) {
			return e, fmt.Errorf("%d labels for %d choices", len(keys), len(e.Choices))
		}
		e.Label, err = byKey.index(*row.AnswerKey, false, e.Choices, keys)
		return e, err
	})
}
