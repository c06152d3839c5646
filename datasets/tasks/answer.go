package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// answers says how a set names the right one of an example's choices.
type answers int

const (
	byAny    answers = iota // by its text, letter or index: see ReadChoices
	byIndex                 // from 0, as a number or in digits
	byNumber                // from 1
	byLetter                // from A
	byKey                   // by the keys given with the choices, whatever they are
)

// answersOf are the rules for the published sets. None of them looks at the texts of the
// choices, which may themselves be numbers or letters.
var answersOf = map[string]answers{
	"race":           byLetter,
	"story_cloze":    byNumber,
	"commonsense_qa": byKey,
	"openbookqa":     byKey,
	"arc":            byKey, // A to E, or 1 to 5
	"piqa":           byIndex,
	"copa":           byIndex,
	"hellaswag":      byIndex,
}

// errNoLabel is the error of an example published without its label.
var errNoLabel = errors.New("no label")

// unknownAnswer are the answers of test sets, whose labels are not published.
var unknownAnswer = []string{"", "-1"}

// index returns the index of the right choice. The answer is text, or a JSON number if number is set.
func (a answers) index(answer string, number bool, choices, keys []string) (int, error) {
	if a != byAny && slices.Contains(unknownAnswer, answer) {
		return 0, errNoLabel
	}
	i := -1
	switch a {
	case byIndex:
		i = digits(answer)
	case byNumber:
		i = digits(answer) - 1
	case byLetter:
		i = letter(answer)
	case byKey:
		if i = slices.Index(keys, answer); i < 0 {
			return 0, fmt.Errorf("answerKey %q is not one of the labels %q", answer, keys)
		}
	default:
		if !number {
			return anyIndex(answer, choices)
		}
		i = digits(answer)
	}
	if i < 0 || i >= len(choices) {
		return 0, fmt.Errorf("label %q names none of %d choices", answer, len(choices))
	}
	return i, nil
}

// anyIndex finds the choice that a string names by its text, its letter or its index. It is an
// error if these are different choices, as for "1" among the choices "1" and "2".
func anyIndex(answer string, choices []string) (int, error) {
	type reading struct {
		choice int
		as     string
	}
	var found []reading
	for i, text := range choices {
		if text == answer {
			found = append(found, reading{i, "text"})
		}
	}
	if i := letter(answer); i >= 0 && i < len(choices) {
		found = append(found, reading{i, "letter"})
	}
	if i := digits(answer); i >= 0 && i < len(choices) {
		found = append(found, reading{i, "index"})
	}
	if len(found) == 0 {
		return 0, fmt.Errorf("label %q names none of %d choices", answer, len(choices))
	}
	for _, f := range found[1:] {
		if first := found[0]; f.choice != first.choice {
			return 0, fmt.Errorf("label %q is the %s of choice %d and the %s of choice %d; give the index, from 0, as a number",
				answer, first.as, first.choice+1, f.as, f.choice+1)
		}
	}
	return found[0].choice, nil
}

// indexJSON is index for an answer in JSON.
func (a answers) indexJSON(answer json.RawMessage, choices, keys []string) (int, error) {
	var text string
	if plainjson.Unmarshal(answer, &text) == nil {
		return a.index(text, false, choices, keys)
	}
	return a.index(string(answer), true, choices, keys)
}

// digits returns the value of a string of decimal digits, −1 if it is something else.
func digits(s string) int {
	if strings.Trim(s, "0123456789") != "" {
		return -1
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// letter returns the index of a letter from A to Z, −1 if it is something else.
func letter(s string) int {
	if len(s) != 1 || s[0] < 'A' || s[0] > 'Z' {
		return -1
	}
	return int(s[0] - 'A')
}
