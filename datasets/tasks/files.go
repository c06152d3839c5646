package tasks

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// readSST2 reads GLUE's table, or the form "label text" of the stsa.binary files.
func readSST2(path string, labels []string) (Set, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Set{}, err
	}
	if first, _, _ := strings.Cut(string(data), "\n"); strings.Contains(first, "\t") || strings.Contains(first, ",label") {
		return Columns{Text: "sentence|text", Label: "label", names: map[int][]string{2: {"sentence", "label"}}}.parse(path, labels)
	}
	return readPrefixed(path, string(data), labels, func(word string) string { return word })
}

// readTREC reads lines "COARSE:fine question".
func readTREC(path string, labels []string) (Set, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Set{}, err
	}
	return readPrefixed(path, string(data), labels, func(word string) string {
		coarse, _, _ := strings.Cut(word, ":")
		return coarse
	})
}

// readPrefixed reads lines that begin with a label and a space.
func readPrefixed(path, data string, labels []string, label func(word string) string) (Set, error) {
	var set Set
	number := 0
	for text := range strings.SplitSeq(data, "\n") {
		number++
		if strings.TrimSpace(text) == "" {
			continue
		}
		word, text, _ := strings.Cut(text, " ")
		e := Example{Text: strings.TrimSpace(text), Line: number}
		var err error
		if e.Label, err = labelIndex(label(word), labels); err == nil && e.Text == "" {
			err = errors.New("no text after the label")
		}
		if err != nil {
			return Set{}, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		set.Examples = append(set.Examples, e)
	}
	return set.some(path)
}

// readAGNews reads the original, whose three columns are the class from 1, title and text,
// or the form of two columns, text and class from 0; with or without a header.
func readAGNews(path string, labels []string) (Set, error) {
	rows, _, err := readTable(path, Columns{Text: "Title|text", names: map[int][]string{
		3: {"Class Index", "Title", "Description"}, 2: {"text", "label"},
	}})
	if err != nil {
		return Set{}, err
	}
	var set Set
	for _, r := range rows {
		e := Example{Line: r.line}
		if e.Text, err = r.get("text|Description"); err == nil {
			e.Label, err = newsLabel(r, len(labels))
		}
		if err != nil {
			return Set{}, fmt.Errorf("%s:%d: %w", path, r.line, err)
		}
		if title, ok := r.values["Title"]; ok {
			e.Text = title + " " + e.Text
		}
		set.Examples = append(set.Examples, e)
	}
	return set.some(path)
}

func newsLabel(r row, classes int) (int, error) {
	first := 0
	if _, ok := r.values["Class Index"]; ok {
		first = 1
	}
	label, err := r.get("Class Index|label")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(label)
	if err != nil || n < first || n >= first+classes {
		return 0, fmt.Errorf("label %q is none of %d to %d", label, first, first+classes-1)
	}
	return n - first, nil
}
