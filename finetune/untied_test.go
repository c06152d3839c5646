package finetune_test

import (
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestUntied: the joint loss trains the weight of an untied head, and a saved classifier is loaded with that weight.
func TestUntied(t *testing.T) {
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 24)
	if err != nil {
		t.Fatal(err)
	}
	base := gpt2.New(260, 24, 16, 1, 2)
	base.Tied = false
	task := tasks.Task{Name: "toy", Kind: tasks.Entailment, Labels: []string{"no", "yes"}, Metrics: []string{"accuracy"}}
	pretrained := graph.NewParams(7)
	if err := models.Declare(base, pretrained); err != nil {
		t.Fatal(err)
	}
	saved := finetune.Trained{
		Description: finetune.Describe(task, 2, 24), Params: graph.NewParams(5), Encoder: e,
		Classifier: finetune.Classifier{Base: base, Kind: task.Kind, Outputs: 2, Auxiliary: 0.5},
	}
	if err := saved.Classifier.Declare(saved.Params); err != nil {
		t.Fatal(err)
	}
	if err := finetune.Extend(saved.Params, pretrained); err != nil {
		t.Fatal(err)
	}
	for auxiliary, want := range map[float64]bool{0: false, 0.5: true} {
		c := saved.Classifier
		c.Auxiliary = auxiliary
		p, err := c.Compile(saved.Params, 1, 8)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, n := range p.Nodes() {
			found = found || n.Op == "param" && n.Path == models.HeadName
		}
		if found != want {
			t.Errorf("with λ = %v the program reads the head's weight: %v", auxiliary, found)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "toy")
	if err := saved.Save(dir); err != nil {
		t.Fatal(err)
	}
	opened, err := finetune.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{models.HeadName, "wte.weight", "classifier.weight"} {
		if got, want := opened.Params.Get(name).Data(), saved.Params.Get(name).Data(); got[3] != want[3] {
			t.Errorf("%s comes back as another", name)
		}
	}
	if got, want := opened.Params.Get("wte.weight").Data()[0], pretrained.Get("wte.weight").Data()[0]; got != want {
		t.Errorf("an embedding of %v, want the pre-trained %v", got, want)
	}
}
