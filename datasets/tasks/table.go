package tasks

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// Columns names the columns of a table: comma- or tab-separated with a header, or JSON
// lines. So a task of one's own needs no code. Other names of a column stand after a bar.
type Columns struct {
	Text  string
	Pair  string // "" if there is one text only
	Label string // the class, or
	Score string // a number

	names map[int][]string // of files without a header, by the number of columns
	skip  string           // label of examples to leave out
	torn  bool             // the published file has broken lines and empty texts, to leave out
}

var errEmpty = errors.New("empty")

// Read reads a table of one's own as a task of the given kind. Labels are the classes; where
// there are none, they are those of the file, sorted, and the task has them.
func (c Columns) Read(path string, kind Kind, labels []string) (Task, Set, error) {
	t := Task{Name: filepath.Base(path), Kind: kind, Regression: c.Score != "", Metrics: []string{"accuracy", "f1", "matthews"}}
	switch {
	case kind == MultipleChoice:
		return t, Set{}, errors.New("tasks: a table of columns has no choices; see ReadChoices")
	case c.Text == "" || (c.Label == "") == (c.Score == ""):
		return t, Set{}, errors.New("tasks: name the column of the text and that of the label or the score")
	case (c.Pair == "") != (kind == Classification):
		return t, Set{}, fmt.Errorf("tasks: the columns do not fit: %s", kind)
	}
	if c.Score != "" {
		t.Metrics = []string{"pearson", "spearman"}
	} else if labels == nil {
		rows, _, err := readTable(path, c)
		if err != nil {
			return t, Set{}, err
		}
		seen := make(map[string]bool)
		for _, r := range rows {
			label, err := r.get(c.Label)
			if err != nil {
				return t, Set{}, fmt.Errorf("%s:%d: %w", path, r.line, err)
			}
			seen[label] = true
		}
		labels = slices.Sorted(maps.Keys(seen))
	}
	t.Labels = labels
	t.read = func(path string) (Set, error) { return c.parse(path, labels) }
	set, err := t.read(path)
	if err == nil && t.Regression {
		t.Low, t.High = set.Examples[0].Score, set.Examples[0].Score
		for _, e := range set.Examples {
			t.Low, t.High = min(t.Low, e.Score), max(t.High, e.Score)
		}
	}
	return t, set, err
}

// parse makes examples of a table.
func (c Columns) parse(path string, labels []string) (Set, error) {
	rows, torn, err := readTable(path, c)
	if err != nil {
		return Set{}, err
	}
	set := Set{Skipped: torn}
	for _, r := range rows {
		e, skipped, err := c.example(r, labels)
		if c.torn && errors.Is(err, errEmpty) {
			skipped, err = true, nil
		}
		if err != nil {
			return Set{}, fmt.Errorf("%s:%d: %w", path, r.line, err)
		}
		if skipped {
			set.Skipped++
		} else {
			set.Examples = append(set.Examples, e)
		}
	}
	return set.some(path)
}

func (c Columns) example(r row, labels []string) (e Example, skipped bool, err error) {
	e.Line = r.line
	if c.Label != "" {
		label, err := r.get(c.Label)
		if err != nil {
			return e, false, err
		}
		if c.skip != "" && label == c.skip {
			return e, true, nil
		}
		if e.Label, err = labelIndex(label, labels); err != nil {
			return e, false, err
		}
	}
	if c.Score != "" {
		text, err := r.get(c.Score)
		if err != nil {
			return e, false, err
		}
		if e.Score, err = strconv.ParseFloat(text, 64); err != nil || e.Score-e.Score != 0 {
			return e, false, fmt.Errorf("score %q is no number", text)
		}
	}
	if e.Text, err = r.get(c.Text); err != nil {
		return e, false, err
	}
	if c.Pair != "" {
		e.Pair, err = r.get(c.Pair)
	}
	return e, false, err
}

// some makes a set without examples an error.
func (s Set) some(path string) (Set, error) {
	if len(s.Examples) == 0 {
		return Set{}, errors.New(path + ": no examples")
	}
	return s, nil
}

// row is a line of a table by the names of its columns.
type row struct {
	line   int
	values map[string]string
}

// get returns the column of that name, or of another after a bar.
func (r row) get(names string) (string, error) {
	for name := range strings.SplitSeq(names, "|") {
		if value, ok := r.values[name]; ok {
			if value = strings.TrimSpace(value); value == "" {
				return "", fmt.Errorf("%s is %w", name, errEmpty)
			}
			return value, nil
		}
	}
	return "", fmt.Errorf("no column %s; there are %s", strings.ReplaceAll(names, "|", " or "),
		strings.Join(slices.Sorted(maps.Keys(r.values)), ", "))
}

// readTable reads JSON lines by the name's ending, or else a table whose first line tells
// by a tab whether it is tab-separated. It counts the lines that it leaves out.
func readTable(path string, c Columns) (rows []row, torn int, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if ext := filepath.Ext(path); ext == ".jsonl" || ext == ".json" {
		rows, err = readJSONRows(path, data)
		return rows, 0, err
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	lines, err := readCSV(path, data)
	if bytes.Contains(first, []byte("\t")) {
		lines, err = readTSV(data), nil
	}
	if err != nil {
		return nil, 0, err
	}
	return named(path, lines, c)
}

// line is a line of a table without names.
type line struct {
	number int
	fields []string
}

func readCSV(path string, data []byte) ([]line, error) {
	var lines []line
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	r.LazyQuotes = true
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		number, _ := r.FieldPos(0)
		lines = append(lines, line{number, fields})
	}
}

// readTSV splits at tabs; a quote is a character like others, as in GLUE's files.
func readTSV(data []byte) []line {
	var lines []line
	number := 0
	for text := range strings.SplitSeq(string(data), "\n") {
		number++
		if text = strings.TrimSuffix(text, "\r"); text != "" {
			lines = append(lines, line{number, strings.Split(text, "\t")})
		}
	}
	return lines
}

// named gives lines the names of the header, or those known of a table without.
func named(path string, lines []line, c Columns) (rows []row, torn int, err error) {
	if len(lines) == 0 {
		return nil, 0, errors.New(path + ": no examples")
	}
	names := make([]string, len(lines[0].fields))
	for i, f := range lines[0].fields {
		names[i] = strings.TrimSpace(f)
	}
	isHeader := false
	for name := range strings.SplitSeq(c.Text, "|") {
		isHeader = isHeader || slices.Contains(names, name)
	}
	known := c.names[len(names)]
	if !isHeader && known != nil {
		names = known // further columns may follow in some lines, as in the original of STS-B
	} else {
		known, lines = nil, lines[1:]
	}
	for _, l := range lines {
		if n := len(l.fields); n < len(names) || n > len(names) && known == nil {
			if c.torn {
				torn++
				continue
			}
			return nil, 0, fmt.Errorf("%s:%d: %d columns, want %d", path, l.number, len(l.fields), len(names))
		}
		values := make(map[string]string, len(names))
		for i, name := range names {
			values[name] = l.fields[i]
		}
		rows = append(rows, row{l.number, values})
	}
	return rows, torn, nil
}

func readJSONRows(path string, data []byte) ([]row, error) {
	var rows []row
	err := eachJSON(path, data, func(number int, text []byte) error {
		var object map[string]any
		if err := plainjson.Unmarshal(text, &object); err != nil {
			return err
		}
		values := make(map[string]string, len(object))
		for k, v := range object {
			switch v := v.(type) {
			case string:
				values[k] = v
			case float64, bool:
				values[k] = fmt.Sprint(v)
			}
		}
		rows = append(rows, row{number, values})
		return nil
	})
	return rows, err
}

// eachJSON has each line that is not blank parsed, and names file and line in its errors.
func eachJSON(path string, data []byte, parse func(number int, text []byte) error) error {
	number := 0
	for text := range bytes.SplitSeq(data, []byte("\n")) {
		number++
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if err := parse(number, text); err != nil {
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
	return nil
}
