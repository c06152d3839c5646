package finetune

import (
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// Example is one in tokens.
type Example struct {
	Sequences [][]int   // one, two orders, or one for each choice
	Targets   []float32 // a probability for each output
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

// Examples encodes the examples of a set. A task of classes has an output for each; one of
// scores one for each whole number of the range, and a score between k and k+1 as target puts
// the fraction on k+1 and the rest on k; multiple choice one for each choice, of which all
// examples have the same number.
func (e *Encoder) Examples(task tasks.Task, set tasks.Set) ([]Example, error) {
	outputs := Outputs(task, set)
	all := make([]Example, 0, len(set.Examples))
	for _, x := range set.Examples {
		sequences, err := e.Encode(task.Kind, x)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", x.Line, err)
		}
		if task.Kind == tasks.MultipleChoice && len(sequences) != outputs {
			return nil, fmt.Errorf("line %d: %d choices, where the first example has %d", x.Line, len(sequences), outputs)
		}
		out := Example{Sequences: sequences, Targets: make([]float32, outputs), Truth: float64(x.Label)}
		if !task.Regression {
			out.Targets[x.Label] = 1
		} else {
			out.Truth = x.Score
			low := math.Floor(x.Score - task.Low)
			k := min(int(low), outputs-1)
			out.Targets[k] = float32(1 - (x.Score - task.Low - low))
			if k+1 < outputs {
				out.Targets[k+1] = float32(x.Score - task.Low - low)
			}
		}
		all = append(all, out)
	}
	return all, nil
}

// Outputs is the number of scores that an example of a task gets.
func Outputs(task tasks.Task, set tasks.Set) int {
	switch {
	case task.Kind == tasks.MultipleChoice:
		if len(set.Examples) == 0 {
			return 0
		}
		return len(set.Examples[0].Choices)
	case task.Regression:
		return int(task.High-task.Low) + 1
	}
	return len(task.Labels)
}

// prediction is what probabilities of the outputs say: the likeliest class, or the mean score.
func prediction(task tasks.Task, p []float64) float64 {
	if task.Regression {
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
