package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestGenerate: text goes on from the prompt, the same with the same seed, and as JSON.
func TestGenerate(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--out", "run"); status != 0 {
		t.Fatal(stderr)
	}
	args := []string{"generate", "--from", "run/checkpoints/best", "--prompt", "3 and 4", "--tokens", "30"}
	status, first, stderr := gorgpt(t, t.Context(), args...)
	if status != 0 || !strings.HasPrefix(first, "3 and 4") || len(first) != len("3 and 4")+30+1 {
		t.Fatalf("status %d: %q, %s", status, first, stderr)
	}
	if _, again, _ := gorgpt(t, t.Context(), args...); again != first {
		t.Errorf("%q, then %q", first, again)
	}
	status, out, stderr := gorgpt(t, t.Context(), append(args, "--json")...)
	var got struct {
		Prompt []int  `json:"prompt_ids"`
		IDs    []int  `json:"ids"`
		Text   string `json:"text"`
	}
	if err := json.Unmarshal([]byte(out), &got); status != 0 || err != nil {
		t.Fatalf("status %d, %v: %s%s", status, err, out, stderr)
	}
	if len(got.Prompt) != 7 || len(got.IDs) != 30 || "3 and 4"+got.Text+"\n" != first {
		t.Errorf("%+v, want the text %q", got, first)
	}
	prefix := len(got.Prompt)
	t.Run("options", func(t *testing.T) { testOptions(t, first[:len(first)-1], prefix) })
	const want = "gorgpt: --prompt: offset 0: character 'ü' (U+00FC) is not in the vocabulary of 18 characters\n"
	if status, _, stderr := gorgpt(t, t.Context(), "generate", "--from", "run/checkpoints/best", "--prompt", "ü"); status != 1 || stderr != want {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// testOptions runs the command's other forms on the trained model; whole is what it writes
// after the prompt of some tokens with the default settings.
func testOptions(t *testing.T, whole string, prompt int) {
	from := []string{"generate", "--from", "run/checkpoints/best", "--tokens", "30"}
	command := func(in string, args ...string) string {
		t.Helper()
		root := newRoot()
		var out, stderr bytes.Buffer
		root.SetIn(strings.NewReader(in))
		root.SetOut(&out)
		root.SetErr(&stderr)
		root.SetArgs(append(slices.Clone(from), args...))
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out.String()
	}
	if got := command("3 and 4\r\n1 and\n"); !strings.HasPrefix(got, whole+"\n1 and") || strings.Count(got, "\n") < 2 {
		t.Errorf("prompts on standard input: %q", got)
	}
	if got := command(""); len(got) != 30+1 {
		t.Errorf("no prompt at all: %q, want the beginning of a text", got)
	}
	stop := whole[prompt+9 : prompt+12]
	cut := whole[:prompt+strings.Index(whole[prompt:], stop)]
	if got := command("", "--prompt", "3 and 4", "--stop", stop); got != cut+"\n" {
		t.Errorf("--stop %q gives %q, want %q", stop, got, cut)
	}
	var one generated
	if err := json.Unmarshal([]byte(command("", "--prompt", "3 and 4", "--json")), &one); err != nil {
		t.Fatal(err)
	}
	end := slices.Index(one.IDs, one.IDs[12]) // where it comes first
	if got := command("", "--prompt", "3 and 4", "--stop-token", fmt.Sprint(one.IDs[12])); got != whole[:prompt+end]+"\n" {
		t.Errorf("--stop-token %d gives %q, want %q", one.IDs[12], got, whole[:prompt+end])
	}
	got := command("", "--prompt", "3 and 4", "--samples", "3")
	if strings.Count(got, "3 and 4") < 3 || !strings.HasPrefix(got, "── 1\n") || !strings.Contains(got, "── 3\n") {
		t.Errorf("three samples: %q", got)
	}

	decoder := json.NewDecoder(strings.NewReader(command("", "--prompt", "3 and 4", "--samples", "2", "--json", "--logprobs", "2")))
	var texts []generated
	for decoder.More() {
		var g generated
		if err := decoder.Decode(&g); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, g)
	}
	if len(texts) != 2 || texts[0].Text == texts[1].Text {
		t.Fatalf("two samples as JSON: %+v", texts)
	}
	for _, g := range texts {
		for i, l := range g.LogProbs {
			if l.ID != g.IDs[i] || !(l.LogProb <= 0) || len(l.Best) != 2 || l.Best[0].LogProb < max(l.Best[1].LogProb, l.LogProb) {
				t.Errorf("log-probability %d: %+v", i, l)
			}
		}
		if len(g.LogProbs) != len(g.IDs) {
			t.Errorf("%d log-probabilities of %d tokens", len(g.LogProbs), len(g.IDs))
		}
	}

	decoder = json.NewDecoder(strings.NewReader(command("", "--prompt", "3 and 4", "--beams", "3", "--json")))
	last := math.Inf(1)
	for range 3 {
		var g generated
		if err := decoder.Decode(&g); err != nil {
			t.Fatal(err)
		}
		if g.Score == nil || g.LogProb == nil || *g.Score > last {
			t.Errorf("beam %+v after a score of %v", g, last)
		}
		last = *g.Score
	}

	var measured map[string]float64
	if err := json.Unmarshal([]byte(command("", "--prompt", "3 and 4", "--samples", "2", "--bench", "--json")), &measured); err != nil {
		t.Fatal(err)
	}
	// One layer of width 32 and 16 positions: 8·1·16·32 bytes a sequence.
	if measured["memory_bytes"] != 2*8*16*32 || measured["tokens"] != 60 || !(measured["tokens_per_s"] > 0) {
		t.Errorf("--bench: %v", measured)
	}

	for _, c := range []struct{ args, want string }{
		{"--samples 0", "--samples 0: want 1 or more"},
		{"--logprobs 2", "--logprobs 2: only with --json"},
		{"--beams 2 --samples 2", "--beams 2: neither --samples nor --logprobs goes with a search"},
		{"--stop-token 18", "--stop-token 18: the vocabulary has the tokens 0 to 17"},
		{"--beams 2 --length-penalty NaN", "--length-penalty NaN: want a finite number"},
		{"--min-p 2", "generate: min-p of 2 is not in [0, 1]"},
		{"--no-repeat -1", "generate: banning runs of -1 tokens; want 0 or more"},
		{"--repetition-penalty -1", "generate: a repetition penalty of -1 is not 0 or above"},
	} {
		status, _, stderr := gorgpt(t, t.Context(), append(slices.Clone(from), strings.Fields(c.args)...)...)
		if status != 2 || stderr != "gorgpt: "+c.want+"\n" {
			t.Errorf("%s: status %d, %s", c.args, status, stderr)
		}
	}
}
