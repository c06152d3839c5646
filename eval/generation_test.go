package eval_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/pairs"
	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestGeneration: the responses are the greedy continuations that transformers generates.
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
	// A prompt longer than its part of the window loses its beginning, and is counted as cut.
	add(strings.Repeat("x", 300)+g.Continuations[0].Name, "nothing of the kind")
	r = evaluate(eval.Options{Tokens: 24, Shots: 1})
	if p := r.Protocol.String(); !strings.Contains(p, "shots 1 from the same file, seed 0") || strings.Contains(p, "prompts_cut 0") {
		t.Errorf("protocol %s", p)
	}
}

// TestGenerationErrors: invalid options are one-line errors.
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
		{eval.Options{Tokens: 3, Shots: 1}, path + ": eval: 1 shots, but only 0 other examples to draw them from"},
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

// TestBeams: a beam search finds a text that begins with a worse token but is better as a whole, and the penalty
// favors longer texts; greedy decoding takes the best token.
func TestBeams(t *testing.T) {
	s := eval.NewSubject(table{}, graph.NewParams(1), tokenizer.Bytes(), 16)
	defer s.Close()
	w, err := s.Params.Declare("table", graph.Zeros(), 257, 257)
	if err != nil {
		t.Fatal(err)
	}
	next := func(from int, shares map[int]float64) { // all other ids have a probability near 0
		for id := range 257 {
			w.Data()[from*257+id] = -30
		}
		for id, p := range shares {
			w.Data()[from*257+id] = float32(math.Log(p))
		}
	}
	next('P', map[int]float64{'a': 0.5, 'b': 0.4, '\n': 0.1})
	next('a', map[int]float64{'u': 0.34, 'v': 0.33, 'w': 0.33}) // each line has a probability of at most 0.17
	next('b', map[int]float64{'c': 0.5, 'd': 0.5})              // "bc" has 0.2, "bdef" 0.18
	next('d', map[int]float64{'e': 1})
	next('e', map[int]float64{'f': 0.9, '\n': 0.1})
	for _, id := range []int{'u', 'v', 'w', 'c', 'f'} {
		next(id, map[int]float64{'\n': 1})
	}
	for _, c := range []struct {
		beams   int
		penalty float64
		want    string
		tokens  int
		search  string
	}{
		{0, 0, "au", 3, "greedy"}, {1, 0.6, "au", 3, "greedy"},
		{4, 0, "bc", 3, "best of 4 beams by log-probability / ((5 + tokens)/6)^0"},
		// ln 0.2 / (8/6)^0.6 = -1.354 and ln 0.18 / (10/6)^0.6 = -1.262.
		{4, 0.6, "bdef", 5, "best of 4 beams by log-probability / ((5 + tokens)/6)^0.6"},
	} {
		g := eval.Generation{Metric: "f1", Tokens: 8, Beams: c.beams, LengthPenalty: c.penalty, Template: pairs.Templates()[0], Read: func(string) ([]pairs.Pair, error) {
			return []pairs.Pair{{Prompt: "P", Responses: []string{"x"}}}, nil
		}}
		r, err := g.Evaluate(t.Context(), s, "testdata/one.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		want := c.search + ", to the end of the first line that is not blank, at most 8 tokens"
		if got := r.Protocol.String(); !strings.Contains(got, "decoding "+want+",") || r.Samples[0].Text != c.want || r.Samples[0].Tokens != c.tokens {
			t.Errorf("%d beams, penalty %g: %q of %d tokens by %s; want %q of %d by %s", c.beams, c.penalty, r.Samples[0].Text, r.Samples[0].Tokens, got, c.want, c.tokens, want)
		}
	}
	for _, beams := range []int{-1, 258} {
		g := eval.Generation{Metric: "f1", Tokens: 8, Beams: beams, Template: pairs.Templates()[0], Read: func(string) ([]pairs.Pair, error) {
			return []pairs.Pair{{Prompt: "P", Responses: []string{"x"}}}, nil
		}}
		want := fmt.Sprintf("testdata/one.jsonl: eval: %d beams; want 1 to 257, the size of the vocabulary", beams)
		if _, err := g.Evaluate(t.Context(), s, "testdata/one.jsonl"); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestGreedyWhole: text generated with cached keys and values equals text generated by running whole sequences,
// within the window and beyond it.
func TestGreedyWhole(t *testing.T) {
	s := open(t, 16)
	for _, prompt := range []string{"A", "Ann has a dog.", "Ann has a dog. I", "Ann has a dog. It", "Ann has a dog. It lives by the pond."} {
		var ids []int
		for _, b := range []byte(prompt) {
			ids = append(ids, int(b))
		}
		got, err := s.Greedy(t.Context(), ids, 24, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range got {
			all := append(slices.Concat(ids, got[:i]), 0)
			if want, err := s.Score(all, len(all)-1); err != nil || want[0].Best != id {
				t.Errorf("%q, token %d: %d, %v; want %v", prompt, i, id, err, want)
			}
		}
	}
}
