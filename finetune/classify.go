package finetune

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/internal/plural"
)

// Classified is a classifier's result for an example.
type Classified struct {
	Answer        string    // a label, the number of a choice from 1, or a score
	Value         float64   // the index of the output, or the score
	Probabilities []float64 // of each output, or the one output's value if the classifier is Squared
}

// Texts returns the number of texts in an example: one for a classification, two for an entailment
// or a similarity, a text and its choices for multiple choice.
func (t *Trained) Texts() int {
	switch t.Kind {
	case tasks.Entailment, tasks.Similarity:
		return 2
	case tasks.MultipleChoice:
		return 1 + t.Outputs
	}
	return 1
}

// InputError is an error caused by the texts that a classifier is given.
type InputError struct{ error }

// Unwrap implements errors.Unwrap.
func (e InputError) Unwrap() error { return e.error }

// Classify classifies the texts of one example by a predictor of the classifier. An error caused by
// the texts is an [InputError].
func (t *Trained) Classify(p *Predictor, texts []string) (c Classified, err error) {
	if len(texts) != t.Texts() {
		return c, InputError{fmt.Errorf("%s, want %d: %s is a task of %s", plural.Of(len(texts), "text"), t.Texts(), t.Task, t.Kind)}
	}
	if t.Kind != tasks.MultipleChoice { // as the files of examples are read
		texts = slices.Clone(texts)
		for i, text := range texts {
			if texts[i] = strings.TrimSpace(text); texts[i] == "" {
				return c, InputError{errors.New("the text is empty")}
			}
		}
	}
	x := tasks.Example{Text: texts[0], Score: t.Low}
	switch t.Kind {
	case tasks.Entailment, tasks.Similarity:
		x.Pair = texts[1]
	case tasks.MultipleChoice:
		x.Choices = texts[1:]
	}
	task := t.AsTask()
	examples, err := t.Encoder.Examples(task, tasks.Set{Examples: []tasks.Example{x}})
	if err != nil {
		return c, InputError{err}
	}
	probabilities, err := p.Predict(examples)
	if err != nil {
		return c, err
	}
	task.Metrics = nil // the true answer is not known
	e, err := Evaluate(task, examples, probabilities)
	if err != nil {
		return c, err
	}
	return Classified{Answer: t.Answer(e.Predicted[0]), Value: e.Predicted[0], Probabilities: probabilities[0]}, nil
}
