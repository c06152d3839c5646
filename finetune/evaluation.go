package finetune

import (
	"math"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// Evaluation is how a classifier does on a set.
type Evaluation struct {
	Epoch       int
	Predicted   []float64 // classes, choices or scores
	Truth       []float64
	Probability [][]float64        // of each output; its number if it is a score's
	Metrics     map[string]float64 // the task's
	Loss        float64            // mean cross-entropy of the labels, or squared error of the standardized scores
}

// Evaluate measures predictions of a task.
func Evaluate(task tasks.Task, examples []Example, probabilities [][]float64) (Evaluation, error) {
	e := Evaluation{Probability: probabilities, Metrics: make(map[string]float64)}
	for i, x := range examples {
		e.Predicted = append(e.Predicted, prediction(task, probabilities[i]))
		e.Truth = append(e.Truth, x.Truth)
		e.Loss += exampleLoss(task, x.Targets, probabilities[i]) / float64(len(examples))
	}
	for _, name := range task.Metrics {
		v, err := tasks.Measure(name, e.Predicted, e.Truth)
		if err != nil {
			return e, err
		}
		e.Metrics[name] = v
	}
	return e, nil
}

func exampleLoss(task tasks.Task, targets []float32, outputs []float64) (loss float64) {
	if squared(task) {
		d := outputs[0] - float64(targets[0])
		return d * d
	}
	for j, p := range targets {
		if p > 0 {
			loss -= float64(p) * math.Log(max(outputs[j], 1e-30))
		}
	}
	return loss
}
