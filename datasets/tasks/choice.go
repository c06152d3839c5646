package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// ReadChoices reads your own multiple-choice examples from JSON lines: a question under
// context, ctx, query, question or prompt; a list of texts under choices, endings, options
// or answers; the right choice under answer, label, gold or target. If that is a number, it
// is the choice's index from 0; if it is a string, it is the choice's text, letter or index,
// and an error if these are different choices.
func ReadChoices(path string) (Set, error) { return readOwnChoices(path, byAny) }

// readOwnChoices is ReadChoices with a rule for finding the right choice.
func readOwnChoices(path string, rule answers) (Set, error) {
	return readChoices(path, func(text []byte) (e Example, err error) {
		var row map[string]json.RawMessage
		if err := plainjson.Unmarshal(text, &row); err != nil {
			return e, err
		}
		read := func(v any, keys ...string) error {
			for _, k := range keys {
				if row[k] == nil {
					continue
				}
				if err := plainjson.Unmarshal(row[k], v); err != nil {
					return fmt.Errorf("key %s: %w", k, err)
				}
				return nil
			}
			return fmt.Errorf("want one of the keys %s", strings.Join(keys, ", "))
		}
		if err := read(&e.Text, "context", "ctx", "query", "question", "prompt"); err != nil {
			return e, err
		}
		if err := read(&e.Choices, "choices", "endings", "options", "answers"); err != nil {
			return e, err
		}
		var answer json.RawMessage
		if err := read(&answer, "answer", "label", "gold", "target"); err != nil {
			return e, err
		}
		e.Label, err = rule.indexJSON(answer, e.Choices, nil)
		return e, err
	})
}

// readChoices reads multiple-choice examples from JSON lines or Parquet. Examples without a
// label are left out.
func readChoices(path string, parse func(text []byte) (Example, error)) (Set, error) {
	data, err := readFile(path)
	if err != nil {
		return Set{}, err
	}
	var set Set
	err = eachRecord(path, data, func(number int, text []byte) error {
		e, err := parse(text)
		if err == nil {
			err = e.checkChoices()
		}
		if errors.Is(err, errNoLabel) {
			set.Skipped++
			return nil
		}
		e.Line = number
		set.Examples = append(set.Examples, e)
		return err
	})
	if err != nil {
		return Set{}, err
	}
	return set.some(path)
}

func (e Example) checkChoices() error {
	if strings.TrimSpace(e.Text) == "" {
		return errors.New("the question is empty")
	}
	if len(e.Choices) < 2 {
		return fmt.Errorf("%d choices, want 2 or more", len(e.Choices))
	}
	for i, c := range e.Choices {
		if strings.TrimSpace(c) == "" {
			return fmt.Errorf("choice %d is empty", i+1)
		}
	}
	return nil
}
