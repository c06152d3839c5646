package finetune

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// DescriptionName is the file of a checkpoint that says what its classifier is for.
const DescriptionName = "task.json"

// Description is what it takes to use a classifier beside its weights.
type Description struct {
	Task    string     `json:"task"`
	Kind    tasks.Kind `json:"kind"`
	Labels  []string   `json:"labels,omitempty"`
	Outputs int        `json:"outputs"`
	Context int        `json:"context"` // most tokens of a sequence

	Regression bool     `json:"regression,omitempty"`
	Low        float64  `json:"low,omitempty"`
	High       float64  `json:"high,omitempty"`
	Metrics    []string `json:"metrics,omitempty"`
}

// Describe describes a classifier of a task.
func Describe(t tasks.Task, outputs, context int) Description {
	return Description{
		Task: t.Name, Kind: t.Kind, Labels: t.Labels, Outputs: outputs, Context: context,
		Regression: t.Regression, Low: t.Low, High: t.High, Metrics: t.Metrics,
	}
}

// AsTask is the task as far as it is described: its files cannot be read.
func (d Description) AsTask() tasks.Task {
	return tasks.Task{Name: d.Task, Kind: d.Kind, Labels: d.Labels, Regression: d.Regression, Low: d.Low, High: d.High, Metrics: d.Metrics}
}

// Write makes the file of a checkpoint.
func (d Description) Write(dir string) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, DescriptionName), append(text, '\n'), 0o666)
}

// ReadDescription reads the file of a checkpoint.
func ReadDescription(dir string) (Description, error) {
	path := filepath.Join(dir, DescriptionName)
	text, err := os.ReadFile(path)
	if err != nil {
		return Description{}, err
	}
	var d Description
	if err := plainjson.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("%s: %w", path, err)
	}
	if d.Outputs < 1 || d.Outputs > 1<<16 || d.Context < 6 || len(d.Labels) > 0 && len(d.Labels) != d.Outputs {
		return d, fmt.Errorf("%s: %d outputs for %d labels, a context of %d: not a classifier's description", path, d.Outputs, len(d.Labels), d.Context)
	}
	return d, nil
}

// Answer is what a prediction says in words: the label, the number of the choice from 1, or
// the score.
func (d Description) Answer(predicted float64) string {
	switch {
	case d.Regression:
		return fmt.Sprintf("%.3f", predicted)
	case len(d.Labels) > 0:
		return d.Labels[int(predicted)]
	}
	return fmt.Sprint(int(predicted) + 1)
}
