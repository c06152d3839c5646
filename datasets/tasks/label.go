package tasks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// classes are the classes of a task with the names that files use for them.
type classes struct {
	labels []string
	of     map[string]int // class by name, including its label
}

// named returns classes, each given as its label and other names after bars: those in other
// publications of the set, and its number in Hugging Face's.
func named(names []string) classes {
	c := classes{of: make(map[string]int)}
	for i, all := range names {
		for name := range strings.SplitSeq(all, "|") {
			c.of[name] = i
		}
		label, _, _ := strings.Cut(all, "|")
		c.labels = append(c.labels, label)
	}
	return c
}

// plain returns classes whose only names are their labels.
func plain(labels []string) classes {
	c := classes{labels: labels, of: make(map[string]int)}
	for i, label := range labels {
		c.of[label] = i
	}
	return c
}

func (c classes) index(label string) (int, error) {
	i, ok := c.of[label]
	if !ok {
		return 0, fmt.Errorf("label %s is not one of %s", brief(label), strings.Join(c.labels, ", "))
	}
	return i, nil
}

// brief quotes the beginning of a text for an error: a file of another kind may be one line of megabytes.
func brief(text string) string {
	const most = 60
	if len(text) <= most {
		return strconv.Quote(text)
	}
	return strconv.Quote(strings.ToValidUTF8(text[:most], "")) + "…"
}

// metrics returns the metrics of classes. With two classes, F1 is that of one; with more, it is a mean.
func (c classes) metrics() []string {
	switch n := len(c.labels); {
	case n < 2:
		return []string{"accuracy"}
	case n == 2:
		return []string{"accuracy", "f1", "matthews"}
	}
	return []string{"accuracy", "macro_f1", "matthews"}
}

// positive puts the label whose F1 is wanted after the other one.
func positive(labels []string, label string) ([]string, error) {
	switch at := slices.Index(labels, label); {
	case label == "":
	case at < 0:
		return nil, fmt.Errorf("the positive label %q is not one of %s", label, strings.Join(labels, ", "))
	case len(labels) != 2:
		return nil, fmt.Errorf("a positive label needs exactly two labels; there are %d: %s", len(labels), strings.Join(labels, ", "))
	case at == 0:
		return []string{labels[1], labels[0]}, nil
	}
	return labels, nil
}
