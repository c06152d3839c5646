package run

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/gorgpt/gorgpt/chart"
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// MetricName returns a metric's name for display; for F1, it says of which of the two classes.
func MetricName(name string, labels []string) string {
	if name == "f1" {
		return "f1 of " + labels[1]
	}
	return name
}

// maxConfused is the largest number of classes for which confusions are shown: more fit neither a
// line nor a picture.
const maxConfused = 40

// writePredictions writes the predictions of the best epoch and a picture of its confusions.
func (t *Tuning) writePredictions(dev tasks.Set) error {
	var b bytes.Buffer
	b.WriteString("line\ttruth\tpredicted\n")
	for i, e := range dev.Examples {
		truth := t.Description.Answer(t.Best.Truth[i])
		if t.Description.Regression {
			truth = strconv.FormatFloat(t.Best.Truth[i], 'g', -1, 64)
		}
		fmt.Fprintf(&b, "%d\t%s\t%s\n", e.Line, truth, t.Description.Answer(t.Best.Predicted[i]))
	}
	if err := wholefile.Write(filepath.Join(string(t.Dir), "predictions.tsv"), b.Bytes()); err != nil {
		return err
	}
	confused, err := t.Confusions()
	if err != nil || confused == nil {
		return err
	}
	return chart.Confusion(t.Description.Task, t.Description.Labels, confused).Save(filepath.Join(string(t.Dir), "confusion.png"))
}

// Confusions returns how often the best epoch predicted each class for each true class. It is nil
// if there are no classes, or more than can be shown.
func (t *Tuning) Confusions() ([][]int, error) {
	if n := len(t.Description.Labels); n == 0 || n > maxConfused {
		return nil, nil
	}
	var predicted, truth []int
	for i := range t.Best.Truth {
		predicted, truth = append(predicted, int(t.Best.Predicted[i])), append(truth, int(t.Best.Truth[i]))
	}
	return tasks.Confusion(predicted, truth, len(t.Description.Labels))
}

// ClassScores returns the scores of the best epoch for each label.
func (t *Tuning) ClassScores() []tasks.ClassScore {
	return tasks.ClassScores(t.Best.Predicted, t.Best.Truth, len(t.Description.Labels))
}
