package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestFinetunePairs: a model learns to answer with one word and then stop.
func TestFinetunePairs(t *testing.T) {
	dir := evalModel(t)
	t.Chdir(t.TempDir())
	var lines []string
	for _, name := range []string{"Ann", "Bob", "Tom", "Eve"} {
		for _, animal := range []string{"cat", "dog", "cow"} {
			lines = append(lines, fmt.Sprintf(`{"question":"%s has a %s. Which?","answer":"%s"}`, name, animal, animal))
		}
	}
	write(t, "train.jsonl", strings.Join(lines, "\n"))
	ask := func(from string) float64 {
		t.Helper()
		status, stdout, stderr := gorgpt(t, t.Context(), "eval", "--json", "--from", from, "--on", "qa", "--template", "question", "--tokens", "8", "--data", "train.jsonl")
		var r struct{ Metrics map[string]float64 }
		if err := json.Unmarshal([]byte(stdout), &r); status != 0 || err != nil {
			t.Fatal(status, stderr, err)
		}
		return r.Metrics["exact"]
	}
	if exact := ask(dir); exact > 0 {
		t.Errorf("%g are right before", exact)
	}
	status, stdout, stderr := gorgpt(t, t.Context(), "finetune", "--from", dir, "--pairs", "train.jsonl", "--dev", "train.jsonl",
		"--template", "question", "--epochs", "30", "--batch", "6", "--micro", "3", "--lr", "5e-3", "--dropout", "0", "--context", "64", "--out", "run")
	if status != 0 || !strings.HasSuffix(stdout, "\nrun\n") || !strings.Contains(stderr, "12 pairs to train on from train.jsonl, 12 to measure on\n") || !strings.Contains(stderr, "step 60/60: loss") {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	if exact := ask(filepath.Join("run", "checkpoints", "best")); exact < 0.9 {
		t.Errorf("%g are right after\n%s", exact, stderr)
	}
	// A batch larger than the number of pairs has each pair once.
	status, _, stderr = gorgpt(t, t.Context(), "finetune", "--from", dir, "--pairs", "train.jsonl", "--dev", "train.jsonl", "--template", "question",
		"--epochs", "2", "--batch", "100000000", "--micro", "3", "--context", "64", "--out", "large")
	if status != 0 || !strings.Contains(stderr, "step 2/2: loss") {
		t.Errorf("status %d: %s", status, stderr)
	}
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"--pairs train.jsonl --task rte", 2, "--pairs cannot be combined with --task, --kind, --data, --train, --fresh or --json"},
		{"--pairs train.jsonl --label stars", 2, "--pairs cannot be combined with --label: a pair has only a prompt and a response, and trains no head"},
		{"--pairs train.jsonl --lambda 0", 2, "--pairs cannot be combined with --lambda: a pair has only a prompt and a response, and trains no head"},
		{"--pairs train.jsonl --dev train.jsonl --examples 13", 2, "--examples 13: train.jsonl has only 12"},
		{"--pairs train.jsonl --seed 9223372036854775808", 2, "--seed 9223372036854775808: want at most 9223372036854775807, the largest integer of TOML"},
		{"--pairs train.jsonl --template tlrd", 2, `unknown template "tlrd"; did you mean "tldr"?`},
		{"--pairs nosuch.jsonl", 1, "nosuch.jsonl: no such file or directory"},
		{"--pairs train.jsonl --context 3", 1, "train.jsonl: pair on line 1: the response takes 5 tokens, more than the context of 3"},
		{"--pairs train.jsonl --out run", 1, "run exists and is not empty; choose another --out"},
	} {
		status, _, stderr := gorgpt(t, t.Context(), append([]string{"finetune", "--from", dir}, strings.Fields(c.args)...)...)
		if status != c.status || !strings.HasSuffix(stderr, "gorgpt: "+c.want+"\n") {
			t.Errorf("%s: status %d: %s", c.args, status, stderr)
		}
	}
}
