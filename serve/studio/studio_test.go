package studio_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/serve/studio"
	"github.com/gorgpt/gorgpt/tokenizer"
)

const template = "{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}"

// save saves a small model of a family with a chat template. Its tokens are bytes and two special tokens.
func save(t *testing.T, dir, name string) string {
	t.Helper()
	tok, err := tokenizer.AddSpecials(tokenizer.Bytes(), "<|im_start|>", "<|im_end|>")
	if err != nil {
		t.Fatal(err)
	}
	m, err := models.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	d := models.DimsOf(m)
	d.Vocab, d.Layers = tok.Size(), 2
	m = models.WithDims(m, d)
	params := graph.NewParams(7)
	config, err := models.JSON(m, 256)
	if err == nil {
		err = models.Declare(m, params)
	}
	path := filepath.Join(dir, name)
	if err == nil {
		err = checkpoint.Save(path, checkpoint.Contents{Config: config, Params: params, Tokenizer: tok.Save})
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(path, "chat_template.jinja"), []byte(template), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// open serves small models of some families and the studio.
func open(t *testing.T, runs string, names ...string) (*httptest.Server, []*serve.Model) {
	t.Helper()
	return openAs(t, serve.Config{}, runs, names...)
}

func openAs(t *testing.T, c serve.Config, runs string, names ...string) (*httptest.Server, []*serve.Model) {
	t.Helper()
	dir := t.TempDir()
	s := serve.New(c)
	for _, name := range names {
		m, err := serve.Open(save(t, dir, name), serve.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := studio.Mount(s, studio.Config{Runs: runs}); err != nil {
		t.Fatal(err)
	}
	s.Ready()
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, s.Models()
}

// ask sends a request to the studio and returns the status and the text of the answer.
func ask(t *testing.T, h *httptest.Server, path string, body any) (int, string) {
	t.Helper()
	var answer *http.Response
	var err error
	switch body := body.(type) {
	case nil:
		answer, err = http.Get(h.URL + path)
	case string:
		answer, err = http.Post(h.URL+path, "application/json", strings.NewReader(body))
	default:
		text, _ := json.Marshal(body)
		answer, err = http.Post(h.URL+path, "application/json", bytes.NewReader(text))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// answered sends a request that must succeed, and decodes the answer.
func answered[A any](t *testing.T, h *httptest.Server, path string, body any) (a A) {
	t.Helper()
	status, text := ask(t, h, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, text)
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return a
}

type object = map[string]any

type tokens struct {
	Text   string
	Hidden int
	Start  int
	Tokens []struct {
		ID      int
		Text    string
		From    int
		To      int
		LogProb *float64
		Rank    int
		Entropy *float64
		Top     []struct {
			ID   int
			Text string
			P    float64
		}
	}
}

var all = []string{"gpt1-nano", "gpt2-nano", "gpt3-nano", "gptoss-nano", "llama-nano"}

// TestRead compares the scores for the tokens with the output of the model's ordinary program.
func TestRead(t *testing.T) {
	h, served := open(t, "", all...)
	const text = "Gophers dig 𝔲 ü.<|im_end|>"
	for _, m := range served {
		a := answered[tokens](t, h, "/studio/read", object{"model": m.ID, "text": text, "top": 3})
		if a.Text != text || a.Hidden != 0 || len(a.Tokens) != len("Gophers dig 𝔲 ü.")+1 {
			t.Fatalf("%s: %q in %d tokens", m.ID, a.Text, len(a.Tokens))
		}
		s := graph.New(m.Params)
		logits := models.Logits(m.Model, s, s.Ints("tokens", 1, len(a.Tokens)))
		p, err := s.Compile(logits)
		if err != nil {
			t.Fatal(err)
		}
		var ids []int
		for _, one := range a.Tokens {
			ids = append(ids, one.ID)
		}
		if err := p.SetInts("tokens", ids); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		if a.Tokens[0].LogProb != nil {
			t.Errorf("%s: the first token has a probability", m.ID)
		}
		rows := slices.Collect(slices.Chunk(p.Value(logits), 259))
		for i, one := range a.Tokens[1:] {
			sum := 0.0
			for _, z := range rows[i] {
				sum += math.Exp(float64(z))
			}
			if want := float64(rows[i][one.ID]) - math.Log(sum); math.Abs(*one.LogProb-want) > 1e-4 { // the answer has five digits
				t.Errorf("%s: token %d: %v, want %v", m.ID, i+1, *one.LogProb, want)
			}
			if len(one.Top) != 3 || one.Top[0].P < one.Top[1].P {
				t.Errorf("%s: token %d: candidates %v", m.ID, i+1, one.Top)
			}
		}
		_ = p.Close()
		// Of the bytes of a character, the first has its range, in UTF-16 units, and the others are empty.
		if u := a.Tokens[12]; u.From != 12 || u.To != 14 || a.Tokens[13].From != 14 || a.Tokens[15].To != 14 || a.Tokens[16].To != 15 {
			t.Errorf("%s: a character of four bytes is at %v", m.ID, a.Tokens[12:17])
		}
		if last := a.Tokens[len(a.Tokens)-1]; last.ID != 258 || last.To-last.From != len("<|im_end|>") {
			t.Errorf("%s: the special token is %v", m.ID, last)
		}
		again := answered[tokens](t, h, "/studio/read", object{"model": m.ID, "ids": ids, "top": 3})
		if again.Text != text || again.Tokens[12].To != 14 {
			t.Errorf("%s: from tokens: %q", m.ID, again.Text)
		}
		plain := answered[tokens](t, h, "/studio/read", object{"model": m.ID, "text": text, "plain": true})
		if len(plain.Tokens) != len(text) {
			t.Errorf("%s: special tokens as text: %d tokens", m.ID, len(plain.Tokens))
		}
		begun := answered[tokens](t, h, "/studio/read", object{"model": m.ID, "text": "ab", "begin": true})
		if begun.Hidden != 1 || len(begun.Tokens) != 3 || begun.Tokens[1].LogProb == nil || begun.Tokens[0].To != 0 || begun.Tokens[1].To != 1 {
			t.Errorf("%s: with a beginning: %+v", m.ID, begun)
		}
	}
}

// TestLong: only the end of a long text is read.
func TestLong(t *testing.T) {
	h, _ := open(t, "", "gpt2-nano")
	a := answered[tokens](t, h, "/studio/read", object{"model": "gpt2-nano", "text": strings.Repeat("ab ", 50)})
	if len(a.Tokens) != 150 || a.Start != 150-64 || a.Tokens[a.Start].LogProb != nil || a.Tokens[a.Start+1].LogProb == nil {
		t.Errorf("%d tokens from %d", len(a.Tokens), a.Start)
	}
	empty := answered[tokens](t, h, "/studio/read", object{"model": "gpt2-nano", "text": ""})
	if empty.Text != "" || len(empty.Tokens) != 1 || empty.Hidden != 1 {
		t.Errorf("an empty text: %+v", empty)
	}
}

type candidates struct {
	Entropy, Sampled, Mass float64
	Kept                   int
	List                   []struct {
		ID   int
		P, Q float64
	}
}

// TestTimeout: a request that takes too long is answered with an error that says so.
func TestTimeout(t *testing.T) {
	h, models := openAs(t, serve.Config{Timeout: time.Nanosecond}, "", "gpt2-nano")
	status, text := ask(t, h, "/studio/read", map[string]any{"model": models[0].ID, "text": "one"})
	if status != http.StatusServiceUnavailable || !strings.Contains(text, `"message":"the request did not finish within 1ns"`) {
		t.Errorf("%d %s", status, text)
	}
}

// TestCandidates: the distribution shown for sampling options is the one that the engine draws from.
func TestCandidates(t *testing.T) {
	h, _ := open(t, "", "llama-nano")
	q := object{"model": "llama-nano", "text": "Gophers", "at": 7, "count": 20, "temperature": 1.0, "top_p": 1.0}
	plain := answered[candidates](t, h, "/studio/candidates", q)
	if plain.Kept != 259 || math.Abs(plain.Mass-1) > 1e-4 || math.Abs(plain.Entropy-plain.Sampled) > 1e-3 || len(plain.List) != 20 {
		t.Errorf("without sampling: %+v", plain)
	}
	for _, c := range plain.List {
		if math.Abs(c.P-c.Q) > 1e-4 {
			t.Errorf("token %d: %v is drawn with %v", c.ID, c.P, c.Q)
		}
	}
	q["top_k"] = 5
	five := answered[candidates](t, h, "/studio/candidates", q)
	sum := 0.0
	for i, c := range five.List {
		sum += c.Q
		if i >= 5 && c.Q != 0 || i < 5 && math.Abs(c.Q-c.P/five.Mass) > 1e-3 {
			t.Errorf("top 5: number %d has %v of %v", i+1, c.Q, c.P)
		}
	}
	if five.Kept != 5 || math.Abs(sum-1) > 1e-4 {
		t.Errorf("top 5 keeps %d with %v", five.Kept, sum)
	}
	q["temperature"] = 0.0
	if best := answered[candidates](t, h, "/studio/candidates", q); best.Kept != 1 || best.List[0].Q != 1 || best.Sampled != 0 {
		t.Errorf("the best alone: %+v", best)
	}
}

// TestInside: rows of attention sum to 1 or, with sinks, to less; the logit lens ends at the model's output.
func TestInside(t *testing.T) {
	h, _ := open(t, "", all...)
	const text = "Gophers dig."
	for _, name := range all {
		q := object{"model": name, "text": text, "position": 9}
		rows := answered[struct {
			Layers []struct{ Count int }
			Tokens int
			Data   []byte
		}](t, h, "/studio/reads", q)
		if len(rows.Layers) != 2 || rows.Tokens != 12 || len(rows.Data) != 2*2*4*12 {
			t.Fatalf("%s: %d layers, %d bytes", name, len(rows.Layers), len(rows.Data))
		}
		for i := 0; i < len(rows.Data); i += 24 {
			sum := 0.0
			for u := range 12 {
				w := float64(int(rows.Data[i+2*u])+256*int(rows.Data[i+2*u+1])) / 65535
				if sum += w; u > 9 && w != 0 {
					t.Errorf("%s: token 9 reads %v of token %d", name, w, u)
				}
			}
			if sum > 1.001 || sum < 0.999 && name != "gptoss-nano" {
				t.Errorf("%s: a head reads %v in all", name, sum)
			}
		}
		maps := answered[struct {
			Heads, Cells, Each int
			Data               string
		}](t, h, "/studio/attention", object{"model": name, "text": text, "layer": 1})
		data, err := base64.StdEncoding.DecodeString(maps.Data)
		if err != nil || maps.Heads != 4 || maps.Cells != 12 || len(data) != 4*144 {
			t.Fatalf("%s: %d heads of %d, %d bytes, %v", name, maps.Heads, maps.Cells, len(data), err)
		}
		if name != "gptoss-nano" && data[0] != 255 {
			t.Errorf("%s: the first token reads %d/255 of itself", name, data[0])
		}
		read := answered[tokens](t, h, "/studio/read", object{"model": name, "text": text, "top": 1})
		lens := answered[struct {
			Places []struct{ Kind string }
			Cells  [][]struct {
				LogProb *float64
				Top     []struct{ ID int }
			}
		}](t, h, "/studio/lens", object{"model": name, "text": text, "from": 3, "to": 5, "top": 1})
		last := lens.Cells[len(lens.Cells)-1]
		if len(lens.Cells) != len(lens.Places) || len(last) != 2 || math.Abs(*last[0].LogProb-*read.Tokens[4].LogProb) > 1e-4 || last[1].Top[0].ID != read.Tokens[5].Top[0].ID {
			t.Errorf("%s: the lens ends at %v", name, last)
		}
		norms := answered[struct{ Norms, Updates [][]float64 }](t, h, "/studio/norms", object{"model": name, "text": text})
		if len(norms.Norms) != len(lens.Places) || len(norms.Norms[0]) != 12 || norms.Norms[0][2] <= 0 {
			t.Errorf("%s: %d norms", name, len(norms.Norms))
		}
		experts := answered[struct {
			Routers []struct {
				Experts, Chosen int
				Picks, Load     []int
				Probs           []float64
			}
		}](t, h, "/studio/experts", q)
		if name != "gptoss-nano" {
			if len(experts.Routers) != 0 {
				t.Errorf("%s has routers", name)
			}
			continue
		}
		if r := experts.Routers; len(r) != 2 || len(r[0].Picks) != 12*r[0].Chosen || len(r[0].Load) != r[0].Experts || len(r[0].Probs) != r[0].Experts {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestGraph: a picture names the nodes of its boxes, and these have values while a text is read.
func TestGraph(t *testing.T) {
	h, _ := open(t, "", all...)
	for _, name := range all {
		status, svg := ask(t, h, "/studio/graph?depth=2&tokens=8&model="+name, nil)
		if status != http.StatusOK || !strings.HasPrefix(svg, "<svg") || strings.Count(svg, "data-nodes=") < 10 {
			t.Fatalf("%s: %d %.200s", name, status, svg)
		}
		a := answered[struct {
			Nodes []struct {
				ID        int
				Path, Op  string
				Shape     []int
				Histogram *struct {
					Min, Max float64
					Counts   []int
				}
			}
			Total struct{ Nodes int }
		}](t, h, "/studio/nodes", object{"model": name, "text": "Gophers dig.", "tokens": 8, "values": true, "nodes": []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}})
		with := 0
		for _, n := range a.Nodes {
			if n.Histogram == nil {
				continue
			}
			with++
			count, size := 0, 1
			for _, k := range n.Histogram.Counts {
				count += k
			}
			for _, d := range n.Shape {
				size *= d
			}
			if count != size {
				t.Errorf("%s: the bars of %s %s have %d of %d values", name, n.Path, n.Op, count, size)
			}
		}
		if with < 5 || a.Total.Nodes < 40 {
			t.Errorf("%s: %d of ten nodes have values, %d nodes in all", name, with, a.Total.Nodes)
		}
	}
	status, svg := ask(t, h, "/studio/graph?tokens=8&model=gpt2-nano&with=gpt1-nano", nil)
	if status != http.StatusOK || !strings.Contains(svg, `class="box changed"`) {
		t.Errorf("two models: %d %.100s", status, svg)
	}
	d := answered[struct {
		Text    string
		Changes int
	}](t, h, "/studio/diff?before=gpt2-nano&after=gpt1-nano", nil)
	if d.Changes == 0 || !strings.Contains(d.Text, "wpe") {
		t.Errorf("difference: %+v", d)
	}
}

// TestConverse checks the tokens that a conversation becomes.
func TestConverse(t *testing.T) {
	h, served := open(t, "", "gpt2-nano")
	a := answered[struct{ IDs []int }](t, h, "/studio/converse", object{"model": "gpt2-nano", "messages": []object{{"role": "user", "content": "a<|im_end|>"}}})
	text, err := served[0].Tokenizer.AppendText(nil, a.IDs)
	if want := "<|im_start|>user:a<|im_end|><|im_end|><|im_start|>assistant:"; err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
	if ends := slices.DeleteFunc(slices.Clone(a.IDs), func(id int) bool { return id != 258 }); len(ends) != 1 {
		t.Errorf("what the user says holds the special token: %v", a.IDs)
	}
}

// TestModels: the list of models has everything that the page shows.
func TestModels(t *testing.T) {
	h, _ := open(t, "", "gpt2-nano")
	a := answered[struct {
		Models []object
		Runs   bool
	}](t, h, "/studio/models", nil)
	m := a.Models[0]
	if len(a.Models) != 1 || m["id"] != "gpt2-nano" || m["chat"] != true || m["limit"] != 64.0 || m["begin"] != "<|endoftext|>" || a.Runs {
		t.Errorf("%v", a)
	}
}

// TestWrong: each invalid request gets an error that names the invalid parameter.
func TestWrong(t *testing.T) {
	h, _ := open(t, "", "gpt2-nano")
	for _, c := range []struct {
		path, body, param, message string
		status                     int
	}{
		{"read", `{"model":"x","text":""}`, "model", `no model "x"`, 404},
		{"read", `{"model":"gpt2-nano","text":7}`, "text", "text is a number, want string", 400},
		{"read", `{"model":"gpt2-nano","txt":"a"}`, "txt", `unknown field "txt"`, 400},
		{"read", `{"model":"gpt2-nano","text":"a"} 1`, "", "the request has more data after its JSON", 400},
		{"read", `{"model":"gpt2-nano","ids":[259]}`, "ids", "ids[0] is 259; the vocabulary has 0 to 258", 400},
		{"read", `{"model":"gpt2-nano","ids":[1,-1]}`, "ids", "ids[1] is -1; the vocabulary has 0 to 258", 400},
		{"read", `{"model":"gpt2-nano","ids":[1e400]}`, "ids", "ids is a number 1e400, want int", 400},
		{"read", `{"model":"gpt2-nano","text":"a","top":1000}`, "top", "1000 candidates; want 0 to 100", 400},
		{"read", `{"model":"gpt2-nano","text":"` + strings.Repeat("a", 60_000) + `"}`, "text", "the text has 60000 tokens; want 50000 at most", 400},
		{"read", `{"model":"gpt2-nano","text":"` + strings.Repeat("a", 3<<20) + `"}`, "", "the request is longer than 2097152 bytes", 413},
		{"read", `[`, "", "", 400},
		{"candidates", `{"model":"gpt2-nano","text":"abc","at":0,"count":5}`, "at", "at is 0; the text has 3 tokens", 400},
		{"candidates", `{"model":"gpt2-nano","text":"abc","at":4,"count":5}`, "at", "at is 4; the text has 3 tokens", 400},
		{"candidates", `{"model":"gpt2-nano","text":"abc","at":1,"count":500}`, "count", "count is 500; want 1 to 100", 400},
		{"candidates", `{"model":"gpt2-nano","text":"abc","at":1,"count":5,"temperature":-1}`, "sampling", "generate: a temperature of -1 is not 0 or above", 400},
		{"reads", `{"model":"gpt2-nano","text":"abc","position":3}`, "position", "position 3 of 3 tokens, counted from 0", 400},
		{"attention", `{"model":"gpt2-nano","text":"abc","layer":2}`, "layer", "layers 2 to 3 of attention; the model shows 2", 400},
		{"attention", `{"model":"gpt2-nano","text":"abc","layer":-1}`, "layer", "layers -1 to 0 of attention; the model shows 2", 400},
		{"attention", `{"model":"gpt2-nano","text":"abc","layer":0,"head":4}`, "head", "no head 4: the layer has 4, counted from 0", 400},
		{"attention", `{"model":"gpt2-nano","text":"abc","layer":0,"from":-4}`, "head", "no head -4: the layer has 4, counted from 0", 400},
		{"lens", `{"model":"gpt2-nano","text":"abc","from":1,"to":9,"top":1}`, "from", "positions 1 to 9 of 3 tokens", 400},
		{"experts", `{"model":"gpt2-nano","text":"abc","position":-1}`, "position", "position is -1 of 3 tokens", 400},
		{"nodes", `{"model":"gpt2-nano","text":"abc","tokens":65,"nodes":[]}`, "tokens", "a graph over 65 tokens; want 1 to 64", 400},
		{"nodes", `{"model":"gpt2-nano","text":"abc","tokens":4,"nodes":[],"values":true}`, "tokens", "tokens is 4; the text has 3", 400},
		{"nodes", `{"model":"gpt2-nano","text":"abc","tokens":3,"nodes":[9999]}`, "nodes", "", 400},
		{"nodes", `{"model":"gpt2-nano","text":"abc","tokens":3,"nodes":[` + strings.Repeat("1,", 400) + `1]}`, "nodes", "401 nodes; want 400 at most", 400},
		{"converse", `{"model":"gpt2-nano","messages":[]}`, "messages", "", 400},
		{"graph?model=gpt2-nano&depth=9", "", "depth", `depth is "9"; want a number from -1 to 8`, 400},
		{"graph?model=gpt2-nano&tokens=0", "", "tokens", `tokens is "0"; want a number from 1 to 256`, 400},
		{"graph?model=gpt2-nano&open=nothing", "", "open", "", 400},
		{"graph?model=gpt2-nano" + strings.Repeat("&open=h.0", 17), "", "open", "17 scopes are open; want 16 at most", 400},
		{"diff?before=gpt2-nano", "", "after", "after is missing: the model to compare with", 400},
		{"runs", "", "", "no folder of runs: name one with --runs", 404},
		{"confusion?model=gpt2-nano", "", "model", `no classifier "gpt2-nano"`, 404},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		status, text := ask(t, h, "/studio/"+c.path, body)
		var a struct {
			Error struct{ Message, Param, Type string }
		}
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Errorf("%s: %v in %.200s", c.path, err, text)
			continue
		}
		name := fmt.Sprintf("%s %.60s", c.path, c.body)
		if status != c.status || a.Error.Param != c.param || c.message != "" && a.Error.Message != c.message {
			t.Errorf("%s: %d, %s, %q; want %d, %s, %q", name, status, a.Error.Param, a.Error.Message, c.status, c.param, c.message)
		}
		if a.Error.Message == "" || strings.Contains(a.Error.Message, "\n") || a.Error.Type != "invalid_request_error" {
			t.Errorf("%s: %+v", name, a.Error)
		}
	}
}

// TestPage: the page is small, complete, and loads nothing from elsewhere.
func TestPage(t *testing.T) {
	h, _ := open(t, "", "gpt2-nano")
	entries, err := os.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join("page", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		size += len(text)
		status, got := ask(t, h, "/studio/page/"+e.Name(), nil)
		if e.Name() == "index.html" { // the file server serves it under the name of its folder
			status, got = ask(t, h, "/", nil)
		}
		if status != http.StatusOK || got != string(text) {
			t.Errorf("%s: %d", e.Name(), status)
		}
		for _, far := range []string{"http://", "https://", "//cdn", "eval(", "innerHTML ="} {
			line := strings.ReplaceAll(strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", ""), `drawing.innerHTML = await text("/studio/graph?"`, "")
			if strings.Contains(line, far) {
				t.Errorf("%s has %s", e.Name(), far)
			}
		}
	}
	if most := 300_000; size > most {
		t.Errorf("the page has %d bytes, want %d at most", size, most)
	}
	answer, err := http.Get(h.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "connect-src 'self'") {
		t.Errorf("policy: %s", policy)
	}
	if status, _ := ask(t, h, "/studio/page/../studio.go", nil); status == http.StatusOK {
		t.Error("a file beside the page is served")
	}
}
