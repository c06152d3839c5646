package serve_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// small returns a model of 257 tokens, which are the bytes and the end-of-text token. Its weights are large enough that
// its distributions are not flat.
func small(context int) models.Model {
	c := gpt2.New(257, context, 32, 2, 2)
	c.InitStd = 0.3
	return c
}

// save writes a checkpoint of a model with random weights from the seed, and returns its folder.
func save(t testing.TB, m models.Model, tok tokenizer.Tokenizer, seed uint64) string {
	t.Helper()
	params := graph.NewParams(seed)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	end, ok := tok.EndOfText()
	if !ok {
		end = -1
	}
	config, err := models.JSON(m, end)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "small")
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params, Tokenizer: tok.Save}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open opens a checkpoint.
func open(t testing.TB, dir string, o serve.Options) *serve.Model {
	t.Helper()
	m, err := serve.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestOpenErrors: options out of range are errors, whatever the checkpoint.
func TestOpenErrors(t *testing.T) {
	for want, o := range map[string]serve.Options{
		"slots of -1":     {Slots: -1},
		"a queue of -100": {Queue: -100},
		"pieces of -2":    {Piece: -2},
		"a context of -1": {Context: -1},
	} {
		if _, err := serve.Open(t.TempDir(), o); err == nil || err.Error() != "serve: "+want+"; want 1 or more, or 0 for the default" {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// start serves some models until the end of the test.
func start(t testing.TB, c serve.Config, all ...*serve.Model) (*serve.Server, *httptest.Server) {
	t.Helper()
	s := serve.New(c)
	for _, m := range all {
		if err := s.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	s.Ready()
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return s, web
}

// startSmall serves one small model.
func startSmall(t testing.TB, c serve.Config, o serve.Options) *httptest.Server {
	t.Helper()
	_, web := start(t, c, open(t, save(t, small(128), tokenizer.Bytes(), 1), o))
	return web
}

// post sends a body and returns the status, the headers and the body of the answer.
func post(t testing.TB, url, body string) (int, http.Header, string) {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, string(text)
}

// answer is the answer of any of the endpoints that generate text.
type answer struct {
	Choices []struct {
		Index    int
		Text     string
		Message  struct{ Role, Content string }
		Delta    struct{ Content string }
		Finish   string `json:"finish_reason"`
		IDs      []int  `json:"token_ids"`
		LogProbs *struct {
			Offsets []int                `json:"text_offset"`
			Values  []*float64           `json:"token_logprobs"`
			Tokens  []string             `json:"tokens"`
			Top     []map[string]float64 `json:"top_logprobs"`
			Content []struct {
				Token   string
				LogProb float64
				Bytes   []int
				Top     []struct{ Token string } `json:"top_logprobs"`
			}
		}
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
	Error *struct {
		Message, Type, Param, Code string
	}
}

// ask sends a body that must be answered without an error.
func ask(t testing.TB, url, body string) (a answer) {
	t.Helper()
	status, _, text := post(t, url, body)
	if status != http.StatusOK {
		t.Fatalf("%s\n%d %s", body, status, text)
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return a
}

// askStream sends a body and returns the events of the answer, without the final [DONE].
func askStream(t testing.TB, url, body string) (events []answer) {
	t.Helper()
	status, header, text := post(t, url, body)
	if status != http.StatusOK || header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s\n%d %s %s", body, status, header, text)
	}
	text, ended := strings.CutSuffix(text, "data: [DONE]\n\n")
	if !ended {
		t.Fatalf("%s\nends with %q", body, text[max(0, len(text)-200):])
	}
	for event := range bytes.SplitSeq([]byte(strings.TrimSuffix(text, "\n\n")), []byte("\n\n")) {
		data, is := bytes.CutPrefix(event, []byte("data: "))
		var a answer
		if err := json.Unmarshal(data, &a); !is || err != nil {
			t.Fatalf("event %q: %v", event, err)
		}
		events = append(events, a)
	}
	return events
}
