package serve_test

import (
	"encoding/json"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// saveClassifier saves an untrained classifier for a task, with two outputs.
func saveClassifier(t testing.TB, task tasks.Task) string {
	t.Helper()
	e, err := finetune.NewEncoder(tokenizer.Bytes(), 64)
	if err != nil {
		t.Fatal(err)
	}
	base := gpt1.New(260, 64, 16, 1, 2)
	base.InitStd = 0.3
	saved := finetune.Trained{
		Description: finetune.Describe(task, 2, 64), Params: graph.NewParams(5), Encoder: e,
		Classifier: finetune.Classifier{Base: base, Kind: task.Kind, Outputs: 2},
	}
	if err := saved.Classifier.Declare(saved.Params); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), task.Name)
	if err := saved.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestClassify: a classifier gives the same answers over HTTP as in Go, for texts, pairs and choices.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		task   tasks.Task
		inputs map[string][][]string
	}{
		{tasks.Task{Name: "one", Kind: tasks.Classification, Labels: []string{"bad", "good"}}, map[string][][]string{
			`"a text"`: {{"a text"}}, `["a text", "another"]`: {{"a text"}, {"another"}}, `[["another"]]`: {{"another"}},
		}},
		{tasks.Task{Name: "pair", Kind: tasks.Entailment, Labels: []string{"no", "yes"}}, map[string][][]string{
			`["one", "two"]`: {{"one", "two"}}, `[["one", "two"], ["two", "one"]]`: {{"one", "two"}, {"two", "one"}},
		}},
		{tasks.Task{Name: "choice", Kind: tasks.MultipleChoice}, map[string][][]string{
			`["which?", "this", "that"]`: {{"which?", "this", "that"}},
		}},
	} {
		m := open(t, saveClassifier(t, c.task), serve.Options{})
		_, web := start(t, serve.Config{}, m)
		trained, err := finetune.Load(m.Path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := trained.Predictor(1)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for input, examples := range c.inputs {
			status, _, text := post(t, web.URL+"/classify", `{"input": `+input+`}`)
			var got struct {
				Data []struct {
					Index         int
					Label         string
					Probs         []float64
					Probabilities map[string]float64
				}
			}
			if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK || len(got.Data) != len(examples) {
				t.Fatalf("%s: %d %s", input, status, text)
			}
			for i, texts := range examples {
				want, err := trained.Classify(p, texts)
				if err != nil {
					t.Fatal(err)
				}
				d := got.Data[i]
				if d.Index != i || d.Label != want.Answer || d.Probs[0] != want.Probabilities[0] || d.Probs[1] != want.Probabilities[1] {
					t.Errorf("%s: %+v, want %+v", input, d, want)
				}
				if len(c.task.Labels) > 0 && d.Probabilities[d.Label] < 0.5 {
					t.Errorf("%s: %+v", input, d)
				}
			}
		}
		for _, input := range []string{`[]`, `1`, `null`, `[null]`, `[["a"], ["b", "c", "d", "e"]]`, `["` + strings.Repeat("x", 500) + `", 1]`} {
			if status, _, text := post(t, web.URL+"/classify", `{"input": `+input+`}`); status != http.StatusBadRequest || !strings.Contains(text, `"param":"input"`) {
				t.Errorf("%s: %d %s", input, status, text)
			}
		}
		if status, _, text := post(t, web.URL+"/v1/completions", `{"prompt": "x"}`); status != http.StatusBadRequest || !strings.Contains(text, "POST /classify") {
			t.Errorf("%d %s", status, text)
		}
	}
}

// TestEmbeddings compares embeddings with the mean of the final states, computed here without padding.
func TestEmbeddings(t *testing.T) {
	dir := save(t, small(128), tokenizer.Bytes(), 1)
	m := open(t, dir, serve.Options{})
	_, web := start(t, serve.Config{}, m)
	const text = "a text of some length"
	status, _, answer := post(t, web.URL+"/v1/embeddings", `{"input": ["short", "`+text+`"]}`)
	var got struct {
		Data []struct {
			Index     int
			Embedding []float64
		}
		Usage map[string]int
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || status != http.StatusOK || len(got.Data) != 2 || got.Usage["total_tokens"] != 5+len(text) {
		t.Fatalf("%d %s", status, answer)
	}
	want := meanState(t, m, []byte(text))
	for i, x := range got.Data[1].Embedding {
		if math.Abs(x-want[i]) > 1e-5 {
			t.Fatalf("dimension %d is %v, want %v", i, x, want[i])
		}
	}
}
