package tasks

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// readCOPA reads COPA's records in SuperGLUE's format: a premise, the question, which is
// "cause" or "effect", and two choices. The question becomes Pair.
func readCOPA(path string) (Set, error) {
	return readChoices(path, func(text []byte) (e Example, err error) {
		var row struct {
			Premise, Question, Choice1, Choice2 string
			Label                               json.RawMessage
		}
		if err := plainjson.Unmarshal(text, &row); err != nil {
			return e, err
		}
		if row.Premise == "" || row.Question == "" || row.Choice1 == "" || row.Choice2 == "" || row.Label == nil {
			return e, errors.New("want the keys premise, question, choice1, choice2, label")
		}
		if row.Question != "cause" && row.Question != "effect" {
			return e, fmt.Errorf("question %q, want cause or effect", row.Question)
		}
		e.Text, e.Pair, e.Choices = row.Premise, row.Question, []string{row.Choice1, row.Choice2}
		e.Label, err = answersOf["copa"].indexJSON(row.Label, e.Choices, nil)
		return e, err
	})
}
