package eval_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
)

// TestGeneration: the responses are the greedy continuations that transformers gives.
func TestGeneration(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	g, err := eval.ParseGolden(data)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, 0)
	var lines []string
	add := func(prompt string, responses ...string) {
		line, err := json.Marshal(map[string]any{"prompt": prompt, "response": responses})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	for _, c := range g.Continuations {
		text, err := s.Tokenizer.AppendText(nil, c.IDs)
		if err != nil {
			t.Fatal(err)
		}
		add(c.Name, "something else", strings.TrimSpace(string(text)))
	}
	path := filepath.Join(t.TempDir(), "pairs.jsonl")
	evaluate := func(o eval.Options) eval.Result {
		t.Helper()
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o666); err != nil {
			t.Fatal(err)
		}
		named, err := eval.Find("qa")
		if err != nil {
			t.Fatal(err)
		}
		r, err := named.New(o).Evaluate(t.Context(), s, path)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := evaluate(eval.Options{Tokens: 24})
	for name, want := range map[string]float64{"bleu": 100, "rouge1": 1, "rouge2": 1, "rougeL": 1, "exact": 1, "f1": 1} {
		near(t, name, metric(t, r, name), want, 1e-9)
	}
	if r.Tokens != 48 || r.Metric != "f1" {
		t.Errorf("%d tokens, %s", r.Tokens, r.Metric)
	}
	// A prompt longer than its part of the window is cut in front and counted.
	add(strings.Repeat("x", 300)+g.Continuations[0].Name, "nothing of the kind")
	r = evaluate(eval.Options{Tokens: 24, Shots: 1})
	if p := r.Protocol.String(); !strings.Contains(p, "shots 1 from the same file, seed 0") || strings.Contains(p, "prompts_cut 0") {
		t.Errorf("protocol %s", p)
	}
}

// TestGenerationErrors: one line each.
func TestGenerationErrors(t *testing.T) {
	s := open(t, 32)
	dir := t.TempDir()
	path := filepath.Join(dir, "f.jsonl")
	if err := os.WriteFile(path, []byte(`{"question":"q","answer":"a"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    eval.Options
		want string
	}{
		{eval.Options{Tokens: 32}, path + ": eval: responses of 32 tokens; the window of 32 must have room for a prompt too"},
		{eval.Options{Tokens: 3, Shots: 1}, path + ": eval: 1 shots, but only 0 others to draw them from"},
		{eval.Options{References: filepath.Join(dir, "nosuch")}, "open " + filepath.Join(dir, "nosuch") + ": no such file or directory"},
	} {
		named, err := eval.Find("qa")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := named.New(c.o).Evaluate(t.Context(), s, path); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
