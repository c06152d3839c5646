package cli

import (
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/run"
)

// classifier is a fine-tuned model out of a checkpoint.
type classifier struct {
	*finetune.Trained
	predictor *finetune.Predictor
}

// loadClassifier opens what gorgpt finetune has saved.
func loadClassifier(dir string) (*classifier, error) {
	t, err := finetune.Open(dir)
	if err != nil {
		return nil, run.NotCheckpoint(dir, err)
	}
	p, err := t.Predictor(1)
	return &classifier{t, p}, err
}
