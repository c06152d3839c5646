package serve_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/serve"
)

// python runs a script of testdata and returns what it prints.
func python(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	interpreter := os.Getenv("GORGPT_PYTHON")
	if interpreter == "" {
		t.Skip("GORGPT_PYTHON names no python with openai and lm_eval")
	}
	cmd := exec.CommandContext(t.Context(), interpreter, append([]string{filepath.Join("testdata", script)}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, stderr.Bytes())
	}
	return out
}

// TestOpenAIClient: OpenAI's client for Python can read the answers.
func TestOpenAIClient(t *testing.T) {
	m := open(t, saveTalking(t), serve.Options{Context: 128})
	_, web := start(t, serve.Config{Key: "secret"}, m)
	if out := python(t, "openai_client.py", web.URL, m.ID); string(out) != "ok\n" {
		t.Errorf("%s", out)
	}
}

// tolHarness bounds the relative difference: both sides are sums of the same numbers, which JSON transmits without loss.
const tolHarness = 1e-6

// TestHarnessByHTTP: lm-evaluation-harness gets the same result for each item from this server as gorgpt eval.
func TestHarnessByHTTP(t *testing.T) {
	const data = "../eval/testdata/harness"
	dir := filepath.Join(data, "gpt2")
	m := open(t, dir, serve.Options{})
	_, web := start(t, serve.Config{}, m)
	var got map[string][]json.RawMessage
	if err := json.Unmarshal(python(t, "lm_eval_client.py", web.URL, m.ID, "64", data), &got); err != nil {
		t.Fatal(err)
	}
	trained, err := run.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	// The harness leaves room for one generated token, and does not predict a token without another before it.
	s := eval.NewSubject(models.Graphs(trained.Model), trained.Params, trained.Tokenizer, 62)
	s.Ends = trained.Ends
	defer s.Close()
	for name, o := range map[string]struct {
		on      string
		options eval.Options
	}{
		"lambada": {"lambada", eval.Options{Protocol: "harness"}},
		"piqa":    {"piqa", eval.Options{Protocol: "harness"}},
		"pages":   {"perplexity", eval.Options{Documents: true, BOS: true, FullLast: true, Words: "split"}},
		"qa":      {"qa", eval.Options{Tokens: 12, Separator: "\n"}},
	} {
		named, err := eval.Find(o.on)
		if err != nil {
			t.Fatal(err)
		}
		r, err := named.New(o.options).Evaluate(t.Context(), s, filepath.Join(data, name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Samples) == 0 || len(r.Samples) != len(got[name]) {
			t.Fatalf("%s: %d items by HTTP, %d here", name, len(got[name]), len(r.Samples))
		}
		for i, item := range got[name] {
			sameItem(t, name, i, r.Samples[i], item)
		}
	}
}

// sameItem compares the result for an item: a text, a log-likelihood, or several.
func sameItem(t *testing.T, name string, i int, want eval.Sample, item json.RawMessage) {
	t.Helper()
	var text string
	if json.Unmarshal(item, &text) == nil {
		if text != want.Text {
			t.Errorf("%s %d: %q, want %q", name, i, text, want.Text)
		}
		return
	}
	var values []float64
	if json.Unmarshal(item, &values) != nil {
		values = make([]float64, 1)
		if err := json.Unmarshal(item, &values[0]); err != nil {
			t.Fatal(err)
		}
	}
	if len(values) != len(want.LogLikelihoods) {
		t.Fatalf("%s %d: %v, want %v", name, i, values, want.LogLikelihoods)
	}
	for k, value := range values {
		if d := math.Abs(value - want.LogLikelihoods[k]); !(d <= tolHarness*max(1, math.Abs(value))) {
			t.Errorf("%s %d: %v, want %v", name, i, value, want.LogLikelihoods[k])
		}
	}
}
