package serve_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// meanState returns the mean of the final hidden states of a text whose bytes are the tokens.
func meanState(t *testing.T, m *serve.Model, text []byte) []float64 {
	t.Helper()
	s := graph.New(m.Params)
	states, _ := models.Body(m.Model, s, s.Ints("tokens", 1, len(text)))
	p, err := s.Compile(states)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ids := make([]int, len(text))
	for i, c := range text {
		ids[i] = int(c)
	}
	if err := p.SetInts("tokens", ids); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	width := states.Shape()[1]
	mean := make([]float64, width)
	for i, x := range p.Value(states) {
		mean[i%width] += float64(x) / float64(len(text))
	}
	return mean
}

// TestFamilies: models of every family are served, including those with windows, experts and sinks, and one that cannot
// be run incrementally; the second of two requests with the same beginning gets the same text as the first.
func TestFamilies(t *testing.T) {
	composed := gpt2.New(257, 64, 24, 1, 2)
	composed.Composed = true
	all := map[string]models.Model{"composed": composed}
	for _, name := range []string{"gpt1-nano", "gpt2-nano", "gpt3-nano", "gptoss-nano", "llama-nano", "mixtral-nano", "nanochat-nano"} {
		m, err := models.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = models.Set(m, "vocab_size=260"); err != nil {
			t.Fatal(err)
		}
	}
	for name, m := range all {
		t.Run(name, func(t *testing.T) {
			_, web := start(t, serve.Config{}, open(t, save(t, m, tokenizer.Bytes(), 1), serve.Options{}))
			const body = `{"prompt": "a beginning of over sixteen bytes", "max_tokens": 20, "seed": 1, "logprobs": 1, "ignore_eos": true}`
			first, second := ask(t, web.URL+"/v1/completions", body), ask(t, web.URL+"/v1/completions", body)
			a, b := first.Choices[0], second.Choices[0]
			if a.Text != b.Text || first.Usage.Completion != 20 || !slices.EqualFunc(a.LogProbs.Values, b.LogProbs.Values, func(a, b *float64) bool { return *a == *b }) {
				t.Errorf("%+v, then %+v", a, b)
			}
			if status, _, text := post(t, web.URL+"/v1/embeddings", `{"input": "x"}`); status != http.StatusOK {
				t.Errorf("%d %s", status, text)
			}
		})
	}
}

// TestEdited: an edited model is served with its edits, and refused without them.
func TestEdited(t *testing.T) {
	edit := graph.Replace("h.0.mlp", func(s *graph.Scope, x *G.Node) *G.Node { return x })
	dir := save(t, models.Edit(small(64), edit), tokenizer.Bytes(), 1)
	m := open(t, dir, serve.Options{Edits: []graph.Option{edit}})
	_, web := start(t, serve.Config{}, m)
	if m.Params.Get("h.0.mlp.c_fc.weight") != nil || m.Params.Get("h.1.mlp.c_fc.weight") == nil {
		t.Errorf("the edit is not in the model: %v", m.Params.Names())
	}
	if a := ask(t, web.URL+"/v1/completions", `{"prompt": "x", "max_tokens": 3, "ignore_eos": true}`); a.Usage.Completion != 3 {
		t.Errorf("%+v", a)
	}
	if m, err := serve.Open(dir, serve.Options{}); err == nil {
		t.Errorf("opens without the edit: %v", m.Params.Names())
	}
}

// TestModels checks the list of models, the description of each, and how a request selects one of several.
func TestModels(t *testing.T) {
	dir := save(t, small(64), tokenizer.Bytes(), 1)
	s, web := start(t, serve.Config{}, open(t, dir, serve.Options{ID: "a/b"}), open(t, dir, serve.Options{ID: "c", Context: 32}))
	if err := s.Add(open(t, dir, serve.Options{ID: "c"})); err == nil {
		t.Error("two models of one name")
	}
	get := func(path string) string {
		r, err := http.Get(web.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var list struct {
		Data []struct {
			ID   string
			Most int `json:"max_model_len"`
			Meta struct {
				Parameters int64 `json:"n_params"`
			}
		}
	}
	if err := json.Unmarshal([]byte(get("/v1/models")), &list); err != nil || len(list.Data) != 2 {
		t.Fatal(list, err)
	}
	params := s.Models()[0].Params.Count()
	if d := list.Data; d[0].ID != "a/b" || d[0].Most != 64 || d[1].ID != "c" || d[1].Most != 32 || d[0].Meta.Parameters != params {
		t.Errorf("%+v", d)
	}
	if text := get("/v1/models/a/b"); !strings.HasPrefix(text, `{"id":"a/b"`) {
		t.Error(text)
	}
	for body, want := range map[string]string{
		`{"prompt": "x"}`:                                   `"param":"model"`,
		`{"prompt": "x", "model": "d"}`:                     `"code":"model_not_found"`,
		`{"prompt": "x", "model": "c", "ignore_eos": true}`: `"model":"c"`,
	} {
		if _, _, text := post(t, web.URL+"/v1/completions", body); !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %s", body, text, want)
		}
	}
	metrics := get("/metrics")
	for _, want := range []string{`gorgpt_num_requests_running{model_name="a/b"} 0`, `gorgpt_request_success_total{finished_reason="length",model_name="c"} 1`, `gorgpt_generation_tokens_total{model_name="c"} 16`, "go_goroutines"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
}
