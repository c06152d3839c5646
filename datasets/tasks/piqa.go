package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// readPIQA reads PIQA's JSON lines, whose labels are in the lines or, as published, in a file
// next to theirs: valid-labels.lst for valid.jsonl.
func readPIQA(path string) (Set, error) {
	var labels []string
	beside := strings.TrimSuffix(path, filepath.Ext(path)) + "-labels.lst"
	if text, err := plaintext.Read(beside); err == nil {
		labels = strings.Fields(string(text))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Set{}, err
	}
	n := 0
	set, err := readChoices(path, func(text []byte) (e Example, err error) {
		var row struct {
			Goal, Sol1, Sol2 string
			Label            json.RawMessage
		}
		if err := plainjson.Unmarshal(text, &row); err != nil {
			return e, err
		}
		if row.Goal == "" || row.Sol1 == "" || row.Sol2 == "" {
			return e, errors.New("want the keys goal, sol1, sol2")
		}
		if row.Label == nil && n < len(labels) {
			row.Label = json.RawMessage(labels[n])
		}
		n++
		if row.Label == nil {
			return e, fmt.Errorf("no label, and none for it in %s", beside)
		}
		e.Text, e.Choices = row.Goal, []string{row.Sol1, row.Sol2}
		e.Label, err = answersOf["piqa"].indexJSON(row.Label, e.Choices, nil)
		return e, err
	})
	if err == nil && labels != nil && len(labels) != n {
		return Set{}, fmt.Errorf("%s: %d labels, want one for each of %d questions", beside, len(labels), n)
	}
	return set, err
}
