package cli

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/pack"
	"github.com/gorgpt/gorgpt/run"
)

// TestSpecial: with --special, special tokens in texts and prompts are encoded as special tokens;
// without it, as text.
func TestSpecial(t *testing.T) {
	t.Chdir(t.TempDir())
	paddedModel(t, "model")
	write(t, "text.txt", "ab<|endoftext|>cd")
	for _, c := range []struct {
		special []string
		prompt  []int
		tokens  int64
	}{
		{nil, []int{'a', '<', '|', 'e', 'n', 'd', 'o', 'f', 't', 'e', 'x', 't', '|', '>'}, 18},
		{[]string{"--special"}, []int{'a', 256}, 6},
	} {
		status, out, stderr := gorgpt(t, t.Context(), append([]string{"generate", "--from", "model", "--prompt", "a<|endoftext|>", "--tokens", "2", "--json"}, c.special...)...)
		var g run.Text
		if err := json.Unmarshal([]byte(out), &g); status != 0 || err != nil || !slices.Equal(g.PromptIDs, c.prompt) {
			t.Errorf("%v: %+v, %v, %s, want the prompt %v", c.special, g, err, stderr, c.prompt)
		}
		dir := "packed" + strings.Join(c.special, "")
		status, _, stderr = gorgpt(t, t.Context(), append([]string{"pack", "--tokenizer", "bytes", "--validation", "0", "--out", dir, "text.txt"}, c.special...)...)
		x, err := pack.Read(dir)
		if status != 0 || err != nil || x.Train.Tokens != c.tokens {
			t.Errorf("%v: %+v, %v, %s, want %d tokens", c.special, x, err, stderr, c.tokens)
		}
	}
	// A folder packed without --special is not resumed with it.
	if status, _, stderr := gorgpt(t, t.Context(), "pack", "--tokenizer", "bytes", "--validation", "0", "--out", "packed", "--special", "text.txt"); status != 1 || !strings.Contains(stderr, "packed") {
		t.Errorf("status %d: %s", status, stderr)
	}
	// A run records it in its recipe, and resumes with it.
	write(t, "long.txt", strings.Repeat("ab<|endoftext|>cd\n", 100))
	train := []string{"train", "--data", "long.txt", "--tokenizer", "bytes", "--special", "--layers", "1", "--width", "16", "--heads", "2", "--context", "8", "--batch", "2", "--steps", "4", "--warmup", "0", "--eval-every", "2", "--eval-batches", "1", "--out", "run"}
	if status, _, stderr := gorgpt(t, t.Context(), append(train, "--stop-after", "2")...); status != 0 {
		t.Fatal(stderr)
	}
	if recipe, err := os.ReadFile("run/recipe.toml"); err != nil || !strings.Contains(string(recipe), "special = true") {
		t.Errorf("%v, %s", err, recipe)
	}
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "run"); status != 0 {
		t.Error(stderr)
	}
}

// TestStopAtLineEnd: \n in --stop is a newline, as in eval.
func TestStopAtLineEnd(t *testing.T) {
	t.Chdir(t.TempDir())
	paddedModel(t, "model")
	texts := func(args ...string) (all []run.Text) {
		t.Helper()
		args = append([]string{"generate", "--from", "model", "--prompt", "abc", "--tokens", "28", "--samples", "50", "--temperature", "100", "--top-k", "0", "--json"}, args...)
		status, out, stderr := gorgpt(t, t.Context(), args...)
		if status != 0 {
			t.Fatal(stderr)
		}
		for line := range strings.Lines(out) {
			var g run.Text
			if err := json.Unmarshal([]byte(line), &g); err != nil {
				t.Fatal(err)
			}
			all = append(all, g)
		}
		return all
	}
	broken := 0
	stopped := texts("--stop", `\n`)
	for i, whole := range texts() {
		want, _, ok := strings.Cut(whole.Text, "\n")
		if ok {
			broken++
		}
		if got := stopped[i]; got.Text != want || ok && got.Finish != "stop" {
			t.Errorf("%+v, want %q", got, want)
		}
	}
	if broken == 0 {
		t.Error("no line end in any text")
	}
}
