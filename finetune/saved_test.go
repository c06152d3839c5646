package finetune_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestOpen: what is opened predicts as what was saved did, and what is no classifier is an
// error in a line.
func TestOpen(t *testing.T) {
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 24)
	if err != nil {
		t.Fatal(err)
	}
	task := tasks.Task{Name: "toy", Kind: tasks.Entailment, Labels: []string{"no", "yes"}, Metrics: []string{"accuracy"}}
	saved := finetune.Trained{
		Description: finetune.Describe(task, 2, 24),
		Classifier:  finetune.Classifier{Base: models.GPT1(gpt1.New(260, 24, 16, 1, 2)), Kind: task.Kind, Outputs: 2},
		Params:      graph.NewParams(5), Encoder: e,
	}
	if err := saved.Classifier.Declare(saved.Params); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "toy")
	if err := saved.Save(dir); err != nil {
		t.Fatal(err)
	}
	opened, err := finetune.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var answers [2][]float64
	for i, c := range []*finetune.Trained{&saved, opened} {
		examples, err := c.Encoder.Examples(c.AsTask(), tasks.Set{Examples: []tasks.Example{{Text: "one", Pair: "two", Label: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Predictor(1)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		all, err := p.Predict(examples)
		if err != nil {
			t.Fatal(err)
		}
		answers[i] = all[0]
	}
	if !slices.Equal(answers[0], answers[1]) || opened.Task != "toy" || !slices.Equal(opened.Labels, task.Labels) {
		t.Errorf("saved %v, opened %v: %+v", answers[0], answers[1], opened.Description)
	}

	for _, c := range []struct{ name, text, want string }{
		{"task.json", "", "has no task.json: it is no classifier; make one with gorgpt finetune"},
		{"task.json", "{", "task.json"},
		{"model.safetensors", "", "model.safetensors"},
		{"tokenizer.json", "{", "tokenizer.json"},
	} {
		broken := filepath.Join(t.TempDir(), "broken")
		if err := os.CopyFS(broken, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if c.text == "" {
			err = os.Remove(filepath.Join(broken, c.name))
		} else {
			err = os.WriteFile(filepath.Join(broken, c.name), []byte(c.text), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := finetune.Open(broken); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %q: error %v, want %s", c.name, c.text, err, c.want)
		}
	}
}
