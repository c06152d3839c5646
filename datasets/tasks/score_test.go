package tasks_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// TestFit: scores that are a few whole numbers have a scale; others are standardized by numpy's mean and std.
func TestFit(t *testing.T) {
	for _, c := range []struct {
		scores                     string
		low, high, mean, deviation float64
	}{
		{"0 3 5", 0, 5, 0, 0},
		{"-1 1", -1, 1, 0, 0},
		{"0 10", 0, 10, 0, 0},
		{"0 11", 0, 11, 5.5, 5.5},
		{"0 0.5 0.95", 0, 0.95, 0.48333333333333334, 0.3880148908940938},
		{"0 2.5 4.8", 0, 4.8, 2.433333333333333, 1.9601587237318874},
		{"0 70000", 0, 70000, 35000, 35000},
		{"3e9 3000000001.5 1", 1, 3000000001.5, 2000000000.8333333, 1414213562.255244},
		{"-1e308 1e308", -1e308, 1e308, 0, 1e308},
	} {
		task, set, err := tasks.Columns{Text: "t", Score: "s"}.Read(write(t, "s.csv", "t,s\na,"+strings.ReplaceAll(c.scores, " ", "\na,")+"\n"), tasks.Classification, nil)
		if err != nil {
			t.Fatal(err)
		}
		if task, err = task.Fit(set.Examples); err != nil {
			t.Fatal(err)
		}
		near := func(got, want float64) bool { return math.Abs(got-want) <= 1e-12*math.Abs(want) }
		if task.Low != c.low || task.High != c.high || !near(task.Mean, c.mean) || !near(task.Deviation, c.deviation) {
			t.Errorf("%s: %g to %g, mean %v, deviation %v; want %+v", c.scores, task.Low, task.High, task.Mean, task.Deviation, c)
		}
	}
	given, set, err := tasks.Columns{Text: "t", Score: "s", High: 5}.Read(write(t, "s.csv", "t,s\na,0.5\nb,4.25\n"), tasks.Classification, nil)
	if given, _ = given.Fit(set.Examples); err != nil || given.Low != 0 || given.High != 5 || given.Deviation != 0 {
		t.Errorf("a given range: %+v, %v", given, err)
	}
	for scores, want := range map[string]string{
		"3 3 3":    "all 3 examples have the score 3: there is nothing to tell apart",
		"0 5e-324": "", // nobody would call these a scale of whole numbers
	} {
		task := tasks.Task{Kind: tasks.Classification, Regression: true}
		var examples []tasks.Example
		for s := range strings.FieldsSeq(scores) {
			var e tasks.Example
			fmt.Sscan(s, &e.Score)
			examples = append(examples, e)
		}
		task, err := task.Fit(examples)
		if want != "" && (err == nil || err.Error() != want) || want == "" && err == nil && !(task.Deviation > 0) {
			t.Errorf("%s: %+v, %v; want %s", scores, task, err, want)
		}
	}
	for text, want := range map[string]string{
		"0:5": "0 5 <nil>", "-2:2": "-2 2 <nil>", "0:": "0 0 want two whole numbers, as in 0:5", "5": "0 0 want two whole numbers, as in 0:5",
		"5:0":     "5 0 a range of scores from 5 to 0: want whole numbers, the second the larger by at most 1000",
		"0:NaN":   "0 NaN a range of scores from 0 to NaN: want whole numbers, the second the larger by at most 1000",
		"0:1001":  "0 1001 a range of scores from 0 to 1001: want whole numbers, the second the larger by at most 1000",
		"-Inf:+5": "-Inf 5 a range of scores from -Inf to 5: want whole numbers, the second the larger by at most 1000",
	} {
		low, high, err := tasks.ParseRange(text)
		if got := fmt.Sprint(low, " ", high, " ", err); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	classes := tasks.Task{Kind: tasks.Entailment, Labels: []string{"no", "yes"}}
	if _, err := classes.Fit([]tasks.Example{{Label: 1}, {Label: 1}}); err == nil || err.Error() != "all 2 examples are yes: there is nothing to tell apart" {
		t.Errorf("one class: %v", err)
	}
	if _, err := classes.Fit([]tasks.Example{{Label: 1}, {Label: 0}}); err != nil {
		t.Error(err)
	}
}

// TestHoldOut: every tenth example is held out, or others if classes alternate.
func TestHoldOut(t *testing.T) {
	task := tasks.Task{Kind: tasks.Classification, Labels: []string{"a", "b"}}
	for _, c := range []struct {
		examples int
		label    func(i int) int
		want     string
	}{
		{35, func(i int) int { return i / 18 }, "[10 20 30]"},
		{35, func(i int) int { return i % 2 }, "[1 12 23]"},
		{110, func(i int) int { return i % 10 / 9 }, "[1 12 23 34 45 56 67 78 89 100 101]"},
		{105, func(i int) int { return i % 10 / 9 }, "[1 12 23 34 45 56 67 78 89 100]"},
		{9, func(i int) int { return i % 2 }, "[]"},
	} {
		set := tasks.Set{Skipped: 3}
		for i := range c.examples {
			set.Examples = append(set.Examples, tasks.Example{Label: c.label(i), Line: i + 1})
		}
		learn, dev := task.HoldOut(set)
		var lines []int
		for _, e := range dev.Examples {
			lines = append(lines, e.Line)
		}
		if got := fmt.Sprint(lines); got != c.want || len(learn.Examples)+len(lines) != c.examples || learn.Skipped != 3 {
			t.Errorf("%d examples: %s and %d more, want %s", c.examples, got, len(learn.Examples), c.want)
		}
	}
}
