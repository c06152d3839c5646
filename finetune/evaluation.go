package finetune

import (
	"math"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// Evaluation is the result of a classifier on a set of examples.
type Evaluation struct {
	Epoch       int
	Predicted   []float64 // classes, choices or scores
	Truth       []float64
	Probability [][]float64        // of each output, or the output itself if Squared
	Metrics     map[string]float64 // those of the task
	Loss        float64            // mean cross-entropy of the labels, or mean squared error of the standardized scores
}

// Evaluate evaluates predictions for a task.
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
