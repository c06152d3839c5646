package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// evalData is where package eval keeps its fixtures.
const evalData = "../../eval/testdata"

// evalModel copies the fixtures' model into a folder, with the tokenizer that it was
// trained with.
func evalModel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(evalData, "model"))); err != nil {
		t.Fatal(err)
	}
	if err := tokenizer.Bytes().Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEvalJSON: each kind prints one object with its value, tokens and protocol.
func TestEvalJSON(t *testing.T) {
	dir := evalModel(t)
	for _, c := range []struct {
		args, metric string
		protocol     map[string]string
	}{
		{"--on perplexity --data text.txt --stride 40 --bos", "perplexity_per_token", map[string]string{"stride": "40", "window": "160", "tokenizer": "bytes"}},
		{"--on perplexity --data text.txt --context 64 --limit 100", "perplexity_per_token", map[string]string{"stride": "64", "limit": "100 tokens"}},
		{"--on lambada --data lambada.jsonl --limit 5", "accuracy", map[string]string{"passages": "5", "stop_words": "none"}},
		{"--on hellaswag --data hellaswag.jsonl --normalize tokens", "accuracy_tokens", map[string]string{"questions": "12", "shots": "0"}},
		{"--on choices --data choices.jsonl --shots 1 --examples one.jsonl --normalize tokens", "accuracy_tokens", map[string]string{"questions": "12"}},
		{"--on cbt --data cbt.txt", "accuracy_sum", map[string]string{"questions": "5"}},
		{"--on qa --data ../../cmd/gorgpt/testdata/qa.jsonl --tokens 24", "f1", map[string]string{"pairs": "1", "shots": "0"}},
		{"--on golden --data golden.json", "passed", map[string]string{"model": "model"}},
	} {
		args := strings.Fields(c.args)
		for i, a := range args {
			if i > 0 && (args[i-1] == "--data" || args[i-1] == "--examples") {
				args[i] = filepath.Join(evalData, a)
			}
		}
		status, stdout, stderr := gorgpt(t, t.Context(), append([]string{"eval", "--json", "--from", dir}, args...)...)
		if status != 0 {
			t.Errorf("%s: status %d: %s", c.args, status, stderr)
			continue
		}
		var got struct {
			Metric   string
			Value    float64
			Tokens   int
			Protocol map[string]string
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatalf("%s: %v in %s", c.args, err, stdout)
		}
		if got.Metric != c.metric || got.Value == 0 || got.Tokens == 0 || len(got.Protocol["data_sha256"]) != 64 {
			t.Errorf("%s: %+v", c.args, got)
		}
		for k, v := range c.protocol {
			if got.Protocol[k] != v {
				t.Errorf("%s: %s is %q, want %q", c.args, k, got.Protocol[k], v)
			}
		}
	}
}

// TestEvalGolden: lines of pass and FAIL, and status 1 if a known number is missed. It
// takes no tokenizer.
func TestEvalGolden(t *testing.T) {
	dir := evalModel(t)
	if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(evalData, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.json")
	write(t, wrong, strings.Replace(string(data), `"losses": [0.267`, `"losses": [0.268`, 1))
	status, stdout, stderr := gorgpt(t, t.Context(), "eval", "--from", dir, "--on", "golden", "--data", wrong)
	if status != 1 || !strings.HasSuffix(stderr, "gorgpt: golden: 1 of 24 checks failed\n") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if n := strings.Count(stdout, "\npass  ") + 1; n != 23 || !strings.Contains(stdout, "\nFAIL  every tensor decays, step 0: loss 0.267237, want 0.268237 ± 0.0001\n") {
		t.Errorf("%d lines pass:\n%s", n, stdout)
	}
}

// TestEvalErrors: what only a model can tell.
func TestEvalErrors(t *testing.T) {
	dir := evalModel(t)
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"--on lambada --data nosuch", 1, "nosuch: no such file or directory"},
		{"--on perplexity --data x --context 161", 2, "--context 161: the model has 160 positions"},
		{"--on perplexity --data x --stride 161", 2, "--stride 161: the window has 160 tokens"},
		{"--on golden", 1, "no golden numbers are known of a model of 38816 parameters, only of gpt2, gpt2-medium, openai-gpt; others come in a file"},
	} {
		status, stdout, stderr := gorgpt(t, t.Context(), append([]string{"eval", "--from", dir}, strings.Fields(c.args)...)...)
		if status != c.status || stderr != "gorgpt: "+c.want+"\n" || stdout != "" {
			t.Errorf("%s: status %d: %s%s", c.args, status, stdout, stderr)
		}
	}
}
