package tasks

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
)

// Columns names the columns of a table: comma- or tab-separated with a header, JSON lines, or
// Parquet. With it, a task of your own needs no code. Alternative names of a column are separated
// by bars.
type Columns struct {
	Text  string
	Pair  string // "" if there is only one text
	Label string // the class, or
	Score string // a number

	Positive  string  // which of two classes F1 is of; "" for the second in sorted order
	Low, High float64 // range of scores that are a scale of whole numbers; both 0 for what Task.Fit finds

	names    map[int][]string // column names of files without a header, by the number of columns
	unknown  []string         // labels that mark examples without one, which are left out
	repeats  string           // column that rows may repeat though the header has it once,
	repeated []string         // and the values it may have
	own      bool             // tab-separated fields may be quoted, and classes are as they are written
	torn     bool             // the published file has broken lines and empty texts, which are left out
}

// Read reads your own table as a task of the given kind. If labels is nil, the classes are the
// labels in the file, sorted; the task returned has them. Labels are compared as text: 1 and 1.0
// are different.
func (c Columns) Read(path string, kind Kind, labels []string) (Task, Set, error) {
	t := Task{Name: filepath.Base(path), Kind: kind, Regression: c.Score != "", Low: c.Low, High: c.High, given: c.Low != c.High}
	switch {
	case kind == MultipleChoice:
		return t, Set{}, errors.New("tasks: a table of columns has no choices; see ReadChoices")
	case c.Text == "" || (c.Label == "") == (c.Score == ""):
		return t, Set{}, errors.New("tasks: name the column of the text and that of the label or the score")
	case (c.Pair == "") != (kind == Classification):
		return t, Set{}, fmt.Errorf("tasks: the columns do not fit a task of kind %s: a classification has one text, other kinds two", kind)
	}
	if t.given {
		if err := checkRange(c.Low, c.High); err != nil {
			return t, Set{}, fmt.Errorf("tasks: %w", err)
		}
	}
	c.own = true // such a table is usually written by a program
	if c.Label != "" {
		if labels == nil {
			var err error
			if labels, err = c.labels(path); err != nil {
				return t, Set{}, err
			}
		}
		var err error
		if t.Labels, err = positive(labels, c.Positive); err != nil {
			return t, Set{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	names := plain(t.Labels)
	t.Metrics = names.metrics()
	t.read = func(path string) (Set, error) { return c.parse(path, names) }
	set, err := t.read(path)
	if t.Regression {
		t.Metrics = []string{"rmse", "pearson", "spearman"} // correlations do not show whether predictions have the right scale
		if fitted, err := t.Fit(set.Examples); err == nil {
			t = fitted
		}
	}
	return t, set, err
}

// labels returns the labels of a file, sorted.
func (c Columns) labels(path string) ([]string, error) {
	rows, _, err := readTable(path, c)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for _, r := range rows {
		label, err := r.get(c.Label)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, r.line, err)
		}
		seen[label] = true
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// parse reads the examples of a table.
func (c Columns) parse(path string, labels classes) (Set, error) {
	rows, torn, err := readTable(path, c)
	if err != nil {
		return Set{}, err
	}
	set := Set{Skipped: torn}
	for _, r := range rows {
		e, err := c.example(r, labels)
		switch {
		case errors.Is(err, errNoLabel), c.torn && errors.Is(err, errEmpty):
			set.Skipped++
		case err != nil:
			return Set{}, fmt.Errorf("%s:%d: %w", path, r.line, err)
		default:
			set.Examples = append(set.Examples, e)
		}
	}
	return set.some(path)
}

func (c Columns) example(r row, labels classes) (e Example, err error) {
	e.Line = r.line
	if c.Label != "" {
		label, err := c.known(r, c.Label)
		if err != nil {
			return e, err
		}
		if e.Label, err = labels.index(label); err != nil {
			return e, err
		}
	}
	if c.Score != "" {
		text, err := c.known(r, c.Score)
		if err != nil {
			return e, err
		}
		if e.Score, err = strconv.ParseFloat(text, 64); err != nil || e.Score-e.Score != 0 {
			return e, fmt.Errorf("score %q is not a number", text)
		}
		if c.Low != c.High && !(e.Score >= c.Low && e.Score <= c.High) {
			return e, fmt.Errorf("score %g is not between %g and %g", e.Score, c.Low, c.High)
		}
	}
	if e.Text, err = r.get(c.Text); err != nil {
		return e, err
	}
	if c.Pair != "" {
		e.Pair, err = r.get(c.Pair)
	}
	return e, err
}

// known returns a label or score, or errNoLabel if the file says that there is none.
func (c Columns) known(r row, column string) (string, error) {
	value, err := r.get(column)
	if slices.Contains(c.unknown, value) && (err == nil || errors.Is(err, errEmpty)) {
		return "", errNoLabel
	}
	return value, err
}

// some returns the set with its path, or an error if it has no examples.
func (s Set) some(path string) (Set, error) {
	switch {
	case len(s.Examples) > 0:
		s.Path = path
		return s, nil
	case s.Skipped > 0:
		return Set{}, fmt.Errorf("%s: no examples: none of %d has a label", path, s.Skipped)
	}
	return Set{}, errors.New(path + ": no examples")
}
