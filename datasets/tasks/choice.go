package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// ReadChoices reads your own multiple-choice examples from JSON lines: a question under
// context, ctx, query, question or prompt; a list of texts under choices, endings, options
// or answers; the right choice under answer, label, gold or target. If that is a number, it
// is the choice's index from 0; if it is a string, it is the choice's text, letter or index.
// It is an error if these are different choices, as are those of two answer keys, or if there are
// several questions, or a passage besides the question, as one would be lost.
func ReadChoices(path string) (Set, error) { return readOwnChoices(path, byAny) }

// The keys of one's own multiple-choice examples.
var (
	questionKeys = []string{"context", "ctx", "query", "question", "prompt"}
	passageKeys  = []string{"passage", "article", "story", "paragraph"} // not read
	choicesKeys  = []string{"choices", "endings", "options", "answers"}
	answerKeys   = []string{"answer", "label", "gold", "target"}
)

// readOwnChoices is ReadChoices with a rule for finding the right choice.
func readOwnChoices(path string, rule answers) (Set, error) {
	return readChoices(path, func(text []byte) (e Example, err error) {
		var row record
		if err := plainjson.Unmarshal(text, &row); err != nil {
			return e, err
		}
		if e.Text, err = row.question(); err != nil {
			return e, err
		}
		if err := row.read(&e.Choices, choicesKeys); err != nil {
			return e, err
		}
		found := row.has(answerKeys)
		if len(found) == 0 {
			return e, fmt.Errorf("want one of the keys %s", strings.Join(answerKeys, ", "))
		}
		if e.Label, err = rule.indexJSON(row[found[0]], e.Choices, nil); err != nil {
			return e, err
		}
		for _, key := range found[1:] { // some are no answers, such as an explanation under target
			if label, err := rule.indexJSON(row[key], e.Choices, nil); err == nil && label != e.Label {
				return e, fmt.Errorf("%s and %s are different choices", found[0], key)
			}
		}
		return e, nil
	})
}

// record is a JSON object with one's own keys.
type record map[string]json.RawMessage

// has returns those of the keys that the record has, with a value other than null.
func (r record) has(keys []string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return r[k] == nil || string(r[k]) == "null" })
}

// read reads the value of the first of the keys that the record has.
func (r record) read(v any, keys []string) error {
	found := r.has(keys)
	if len(found) == 0 {
		return fmt.Errorf("want one of the keys %s", strings.Join(keys, ", "))
	}
	if err := plainjson.Unmarshal(r[found[0]], v); err != nil {
		return fmt.Errorf("key %s: %w", found[0], err)
	}
	return nil
}

// question returns the question, which may have only one key. Empty texts do not count.
func (r record) question() (text string, err error) {
	full := slices.DeleteFunc(r.has(slices.Concat(questionKeys, passageKeys)), func(k string) bool {
		var text string
		return json.Unmarshal(r[k], &text) == nil && strings.TrimSpace(text) == ""
	})
	switch {
	case len(full) > 1:
		return "", fmt.Errorf("%s: want one of these keys, with the whole text, as the other would be lost", strings.Join(full, " and "))
	case len(full) == 1 && slices.Contains(questionKeys, full[0]):
		return text, r.read(&text, full)
	}
	return text, r.read(&text, questionKeys)
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
