package tasks

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// readFile reads a text or Parquet file.
func readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil || isParquet(data) {
		return data, err
	}
	return plaintext.Of(path, data)
}

// tableOr reads a table or, if the file is not a table, lines that begin with a label and a space.
// A table holds records, or has a tab or the name of the text's column in its first line.
func (c Columns) tableOr(label func(word string) string) func(path string, labels classes) (Set, error) {
	return func(path string, labels classes) (Set, error) {
		data, err := readFile(path)
		if err != nil {
			return Set{}, err
		}
		first, _, _ := strings.Cut(string(data), "\n")
		names := strings.Split(strings.TrimSuffix(first, "\r"), ",")
		for i, name := range names {
			names[i] = strings.Trim(name, `" `)
		}
		if isRecords(path, data) || strings.Contains(first, "\t") || c.isHeader(names) && len(names) > 1 {
			return c.parse(path, labels)
		}
		return readPrefixed(path, string(data), labels, label)
	}
}

// sst2 is for the "label text" of the stsa.binary files, trec for "COARSE:fine question".
func sst2(word string) string { return word }
func trec(word string) string {
	coarse, _, _ := strings.Cut(word, ":")
	return coarse
}

// readPrefixed reads lines that begin with a label and a space.
func readPrefixed(path, data string, labels classes, label func(word string) string) (Set, error) {
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
		if e.Label, err = labels.index(label(word)); err == nil && e.Text == "" {
			err = errors.New("no text after the label")
		}
		if err != nil {
			return Set{}, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		set.Examples = append(set.Examples, e)
	}
	return set.some(path)
}

// readAGNews reads the original, with the three columns class (from 1), title and text, or
// the form with two columns, text and class (from 0); with or without a header.
func readAGNews(path string, labels classes) (Set, error) {
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
			e.Label, err = newsLabel(r, labels)
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

func newsLabel(r row, labels classes) (int, error) {
	first := 0
	if _, ok := r.values["Class Index"]; ok {
		first = 1
	}
	label, err := r.get("Class Index|label")
	if err != nil {
		return 0, err
	}
	if i, named := labels.of[label]; named {
		return i, nil
	}
	n, err := strconv.Atoi(label)
	if last := first + len(labels.labels) - 1; err != nil || n < first || n > last {
		return 0, fmt.Errorf("label %s, want %d to %d", brief(label), first, last)
	}
	return n - first, nil
}
