package finetune

import (
	"fmt"
	"hash/crc64"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// Example is an example encoded in tokens.
type Example struct {
	Sequences [][]int   // one, both orders, or one per choice
	Targets   []float32 // a probability per output, or the standardized score
	Truth     float64   // the class, the choice or the score
}

// length returns the length of the longest sequence.
func (e Example) length() int {
	most := 1
	for _, ids := range e.Sequences {
		most = max(most, len(ids))
	}
	return most
}

// Examples encodes the examples of a set. A task with classes has an output for each class;
// multiple choice, one for each choice, of which all examples must have the same number; a scale of
// whole numbers, one for each of these. On a scale, the target of a score between k and k+1 puts
// the fraction on k+1 and the rest on k, and a score beyond the scale counts as its end. Other
// scores have one output, and their target is standardized.
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
			return nil, set.At(x, "class %d; there are %d, counted from 0", x.Label, outputs)
		default:
			out.Targets[x.Label] = 1
		}
		all = append(all, out)
	}
	return all, nil
}

// identity identifies sets of examples: their tokens, targets and truths.
func identity(sets ...[]Example) string {
	sum := crc64.New(crc64.MakeTable(crc64.ECMA))
	for _, set := range sets {
		fmt.Fprintln(sum, len(set))
		for _, e := range set {
			fmt.Fprintln(sum, e.Sequences, e.Targets, e.Truth)
		}
	}
	return fmt.Sprintf("%016x", sum.Sum64())
}

// squared reports whether a task's one output is a number.
func squared(task tasks.Task) bool { return task.Regression && task.Deviation > 0 }

// scoreTargets sets the targets of a score.
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

// Outputs returns the number of outputs for a task.
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

// prediction returns what the outputs predict: the likeliest class, the mean on the scale, or the
// score.
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
