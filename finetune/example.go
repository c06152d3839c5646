package finetune

import (
	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// Example is one in tokens.
type Example struct {
	Sequences [][]int   // one, two orders, or one for each choice
	Targets   []float32 // a probability for each output, or the standardized score
	Truth     float64   // the class, the choice or the score
}

// length is that of the longest sequence.
func (e Example) length() int {
	most := 1
	for _, ids := range e.Sequences {
		most = max(most, len(ids))
	}
	return most
}

// Examples encodes the examples of a set. A task of classes has an output for each; multiple
// choice one for each choice, of which all examples have the same number; a scale of whole
// numbers one for each of these. There, a score between k and k+1 as target puts the fraction
// on k+1 and the rest on k, and one beyond the scale is at its end. Other scores have one
// output, and their target is standardized.
func (e *Encoder) Examples(task tasks.Task, set tasks.Set) ([]Example, error) {
	outputs := Outputs(task, set)
	all := make([]Example, 0, len(set.Examples))
	for _, x := range set.Examples {
		sequences, err := e.Encode(task.Kind, x)
		if err != nil {
			return nil, set.At(x, "%w", err)
		}
		if task.Kind == tasks.MultipleChoice && len(sequences) != outputs {
			return nil, set.At(x, "%d choices, where the first example has %d", len(sequences), outputs)
		}
		out := Example{Sequences: sequences, Targets: make([]float32, outputs), Truth: float64(x.Label)}
		switch {
		case task.Regression:
			out.Truth = x.Score
			scoreTargets(task, x.Score, out.Targets)
		case x.Label < 0 || x.Label >= outputs:
			return nil, set.At(x, "class %d of %d", x.Label, outputs)
		default:
			out.Targets[x.Label] = 1
		}
		all = append(all, out)
	}
	return all, nil
}

// squared tells whether a task has a number as its one output.
func squared(task tasks.Task) bool { return task.Regression && task.Deviation > 0 }

// scoreTargets fills in the targets of a score.
func scoreTargets(task tasks.Task, score float64, targets []float32) {
	if squared(task) {
		targets[0] = float32((score - task.Mean) / task.Deviation)
		return
	}
	last := len(targets) - 1
	place := min(max(score-task.Low, 0), float64(last))
	k := int(place)
	fraction := float32(place - float64(k))
	targets[k] = 1 - fraction
	if k < last {
		targets[k+1] = fraction
	}
}

// Outputs is the number of scores that an example of a task gets.
func Outputs(task tasks.Task, set tasks.Set) int {
	switch {
	case task.Kind == tasks.MultipleChoice:
		if len(set.Examples) == 0 {
			return 0
		}
		return len(set.Examples[0].Choices)
	case squared(task):
		return 1
	case task.Regression:
		return int(task.High-task.Low) + 1
	}
	return len(task.Labels)
}

// prediction is what the outputs say: the likeliest class, the mean of the scale, or the score.
func prediction(task tasks.Task, p []float64) float64 {
	switch {
	case squared(task):
		return task.Mean + task.Deviation*p[0]
	case task.Regression:
		mean := task.Low
		for k, v := range p {
			mean += float64(k) * v
		}
		return mean
	}
	best := 0
	for i, v := range p {
		if v > p[best] {
			best = i
		}
	}
	return float64(best)
}
