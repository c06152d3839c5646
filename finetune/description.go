package finetune

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// DescriptionName is the file in a checkpoint that describes its classifier.
const DescriptionName = "task.json"

// Description is what is needed to use a classifier, besides its weights.
type Description struct {
	Task    string     `json:"task"`
	Kind    tasks.Kind `json:"kind"`
	Labels  []string   `json:"labels,omitempty"`
	Outputs int        `json:"outputs"`
	Context int        `json:"context"` // most tokens in a sequence

	Regression bool     `json:"regression,omitempty"`
	Low        float64  `json:"low,omitempty"`
	High       float64  `json:"high,omitempty"`
	Mean       float64  `json:"mean,omitempty"`      // of the scores, if they are not a scale of whole
	Deviation  float64  `json:"deviation,omitempty"` // numbers; see tasks.Task
	Metrics    []string `json:"metrics,omitempty"`
}

// Describe describes a classifier of a task.
func Describe(t tasks.Task, outputs, context int) Description {
	return Description{
		Task: t.Name, Kind: t.Kind, Labels: t.Labels, Outputs: outputs, Context: context,
		Regression: t.Regression, Low: t.Low, High: t.High, Mean: t.Mean, Deviation: t.Deviation, Metrics: t.Metrics,
	}
}

// AsTask returns the task as far as it is described, without its files.
func (d Description) AsTask() tasks.Task {
	return tasks.Task{
		Name: d.Task, Kind: d.Kind, Labels: d.Labels, Regression: d.Regression,
		Low: d.Low, High: d.High, Mean: d.Mean, Deviation: d.Deviation, Metrics: d.Metrics,
	}
}

// Write writes the description to a checkpoint.
func (d Description) Write(dir string) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return wholefile.Write(filepath.Join(dir, DescriptionName), append(text, '\n'))
}

// ReadDescription reads the description from a checkpoint.
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
	if d.Regression && !d.scaled() {
		return d, fmt.Errorf("%s: %d outputs for scores from %g to %g: made by an older gorgpt, or damaged; fine-tune again", path, d.Outputs, d.Low, d.High)
	}
	if d.Outputs < 1 || d.Outputs > 1<<16 || d.Context < 6 || len(d.Labels) > 0 && len(d.Labels) != d.Outputs {
		return d, fmt.Errorf("%s: %d outputs for %d labels, a context of %d: not a classifier's description", path, d.Outputs, len(d.Labels), d.Context)
	}
	return d, nil
}

// scaled reports whether the number of outputs fits the range of scores.
func (d Description) scaled() bool {
	if !(d.Deviation >= 0) || d.Deviation > 0 && d.Outputs != 1 {
		return false
	}
	return d.Deviation > 0 || d.Outputs > 1 && float64(d.Outputs-1) == math.Floor(d.High-d.Low)
}

// Answer returns a prediction as text: the label, the number of the choice from 1, or the score.
func (d Description) Answer(predicted float64) string {
	switch {
	case d.Regression && d.Deviation > 0:
		return strconv.FormatFloat(predicted, 'g', 7, 64) // a float32 has no more digits
	case d.Regression:
		return fmt.Sprintf("%.3f", predicted)
	case len(d.Labels) > 0:
		return d.Labels[int(predicted)]
	}
	return fmt.Sprint(int(predicted) + 1)
}
