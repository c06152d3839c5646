package finetune_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestLoad: a loaded classifier predicts what the saved one did; loading a directory that is not a
// classifier gives a one-line error.
func TestLoad(t *testing.T) {
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 24)
	if err != nil {
		t.Fatal(err)
	}
	task := tasks.Task{Name: "toy", Kind: tasks.Entailment, Labels: []string{"no", "yes"}, Metrics: []string{"accuracy"}}
	saved := finetune.Trained{
		Description: finetune.Describe(task, 2, 24),
		Classifier:  finetune.Classifier{Base: gpt1.New(260, 24, 16, 1, 2), Kind: task.Kind, Outputs: 2},
		Params:      graph.NewParams(5), Encoder: e,
	}
	if err := saved.Classifier.Declare(saved.Params); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "toy")
	if err := saved.Save(dir); err != nil {
		t.Fatal(err)
	}
	opened, err := finetune.Load(dir)
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

	before := descriptors(t)
	for _, c := range []struct{ name, text, want string }{
		// Older versions gave scores from 0 to 0.95 a single class.
		{"task.json", `{"task":"t","kind":"classification","outputs":1,"context":24,"regression":true,"high":0.95}`, "1 outputs for scores from 0 to 0.95: made by an older gorgpt, or damaged; fine-tune again"},
		{"task.json", `{"task":"t","kind":"classification","outputs":2,"context":24,"regression":true,"high":5}`, "2 outputs for scores from 0 to 5"},
		{"task.json", `{"task":"t","kind":"classification","outputs":6,"context":24,"regression":true,"high":5,"deviation":1}`, "6 outputs for scores from 0 to 5"},
		{"task.json", `{"task":"t","kind":"classification","outputs":1,"context":24,"regression":true,"high":5,"deviation":-1}`, "1 outputs for scores from 0 to 5"},
		{"task.json", `{"task":"t","kind":"classification","outputs":0,"context":24}`, "0 outputs for 0 labels, a context of 24: not a classifier's description"},
		{"task.json", `{"task":"t","kind":"classification","outputs":65537,"context":24}`, "65537 outputs for 0 labels"},
		{"task.json", `{"task":"t","kind":"classification","outputs":2,"context":5}`, "2 outputs for 0 labels, a context of 5: not a classifier's description"},
		{"task.json", `{"task":"t","kind":"classification","outputs":2,"context":24,"labels":["a"]}`, "2 outputs for 1 labels"},
		{"config.json", "", "config.json"},
		{"config.json", "{", "config.json"},
		{"tokenizer.json", "", "has no tokenizer; want the one that its classifier was trained with"},
		{"task.json", "", "has no task.json: it is not a classifier; make one with gorgpt finetune"},
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
		if _, err := finetune.Load(broken); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %q: error %v, want %s", c.name, c.text, err, c.want)
		}
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d files are open, %d before what could not be opened", after, before)
	}
}

// TestEdited: a model's edits apply to fine-tuning too. They change the training program, and so its loss; a
// saved classifier must be loaded with the same edits; and edits that match nothing are named in the error.
func TestEdited(t *testing.T) {
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 24)
	if err != nil {
		t.Fatal(err)
	}
	task := tasks.Task{Name: "toy", Kind: tasks.Entailment, Labels: []string{"no", "yes"}, Metrics: []string{"accuracy"}}
	halve := graph.After("h.*.mlp.act", func(s *graph.Scope, x *G.Node) *G.Node { return ops.Scale(s, x, 0.5) })
	base := gpt1.New(260, 24, 16, 2, 2)
	classifier := func(m models.Model) finetune.Classifier {
		return finetune.Classifier{Base: m, Kind: task.Kind, Outputs: 2}
	}
	nodes := make(map[bool]int)
	for _, edited := range []bool{false, true} {
		c := classifier(base)
		if edited {
			c = classifier(models.Edit(base, halve))
		}
		p, err := c.Compile(graph.NewParams(5), 1, 8)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range p.Nodes() {
			if n.Op == "Scale" && !n.Grad {
				nodes[edited]++
			}
		}
	}
	if nodes[false] != 0 || nodes[true] != 2 {
		t.Errorf("ops of the edit: %d without it, %d with it; want 0 and 2", nodes[false], nodes[true])
	}
	const want = `graph: Remove(h.*.mpl): unknown layer "h.*.mpl"; did you mean "h.*.mlp"?`
	if _, err := classifier(models.Edit(base, graph.Remove("h.*.mpl"))).Compile(graph.NewParams(5), 1, 8); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}

	saved := finetune.Trained{
		Description: finetune.Describe(task, 2, 24), Classifier: classifier(models.Edit(base, halve)),
		Params: graph.NewParams(5), Encoder: e,
	}
	if err := saved.Classifier.Declare(saved.Params); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "toy")
	if err := saved.Save(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := finetune.Load(dir); err == nil || !strings.Contains(err.Error(), "the model was edited by After(h.*.mlp.act)") {
		t.Errorf("opened without the edit: %v", err)
	}
	failing := graph.After("h.*.mlp.act", func(s *graph.Scope, x *G.Node) *G.Node { return s.Fail("Halve", x.Shape(), "it cannot") })
	if _, err := finetune.Load(dir, failing); err == nil || !strings.Contains(err.Error(), "Halve: it cannot") {
		t.Errorf("opened with an edit that fails: %v", err)
	}
	if _, err := finetune.Load(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened what is not there: %v", err)
	}
	opened, err := finetune.Load(dir, halve)
	if err != nil {
		t.Fatal(err)
	}
	plain := *opened
	plain.Classifier.Base = base
	var answers [][]float64
	for _, c := range []*finetune.Trained{&saved, opened, &plain} {
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
		answers = append(answers, all[0])
	}
	if !slices.Equal(answers[0], answers[1]) || slices.Equal(answers[0], answers[2]) {
		t.Errorf("saved %v, opened %v, without the edit %v", answers[0], answers[1], answers[2])
	}
}

// descriptors counts the files that this process has open, or returns 0 if the system does not tell.
func descriptors(t *testing.T) int {
	t.Helper()
	runtime.GC() // files are unmapped when their tensors are collected
	entries, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
