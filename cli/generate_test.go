package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestGenerate: the text continues the prompt, is the same with the same seed, and the same as JSON.
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

// testOptions runs the command's other forms on the trained model; whole is its output with the
// default settings, which begins with a prompt of the given length.
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
	var one run.Text
	if err := json.Unmarshal([]byte(command("", "--prompt", "3 and 4", "--json")), &one); err != nil {
		t.Fatal(err)
	}
	end := slices.Index(one.IDs, one.IDs[12]) // where it first occurs
	if got := command("", "--prompt", "3 and 4", "--stop-token", fmt.Sprint(one.IDs[12])); got != whole[:prompt+end]+"\n" {
		t.Errorf("--stop-token %d gives %q, want %q", one.IDs[12], got, whole[:prompt+end])
	}
	got := command("", "--prompt", "3 and 4", "--samples", "3")
	if strings.Count(got, "3 and 4") < 3 || !strings.HasPrefix(got, "── 1\n") || !strings.Contains(got, "── 3\n") {
		t.Errorf("three samples: %q", got)
	}

	decoder := json.NewDecoder(strings.NewReader(command("", "--prompt", "3 and 4", "--samples", "2", "--json", "--logprobs", "2")))
	var texts []run.Text
	for decoder.More() {
		var g run.Text
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
		var g run.Text
		if err := decoder.Decode(&g); err != nil {
			t.Fatal(err)
		}
		if g.Score == nil || g.LogProb == nil || *g.Score > last {
			t.Errorf("beam %+v after a score of %v", g, last)
		}
		last = *g.Score
	}

	var first, rate, memory float64
	// One layer of width 32 and 16 positions: 8·1·16·32 bytes per sequence.
	if _, err := fmt.Sscanf(command("", "--prompt", "3 and 4", "--samples", "2", "--bench"),
		"first token  %g s after a prompt of 7\nthen         %g tokens/s, 2 at once\nmemory       %g MB of keys and values\n", &first, &rate, &memory); err != nil {
		t.Error(err)
	}
	if memory != 2*8*16*32/1e6 || !(rate > 0) || !(first > 0) {
		t.Errorf("--bench: %v s, %v tokens/s, %v MB", first, rate, memory)
	}
	testFinish(t, command)

	for _, c := range []struct{ args, want string }{
		{"--greedy --temperature 1", "--temperature has no meaning with --greedy"},
		{"--greedy --top-k 3", "--top-k has no meaning with --greedy: nothing is sampled"},
		{"--temperature 0 --seed 3", "--seed has no meaning with --temperature 0: nothing is sampled"},
		{"--temperature 0 --min-p 0.1", "--min-p has no meaning with --temperature 0: nothing is sampled"},
		{"--greedy --samples 2", "--samples has no meaning with --greedy: all would be the same"},
		{"--beams 2 --temperature 1", "--temperature has no meaning with --beams: a beam search does not sample"},
		{"--beams 2 --greedy", "--greedy has no meaning with --beams: a beam search does not sample"},
		{"--beams 2 --top-p 0.5", "--top-p has no meaning with --beams: a beam search does not sample"},
		{"--length-penalty 2", "--length-penalty has no meaning with sampling: it is for --beams"},
		{"--bench --json", "--json has no meaning with --bench, which measures sampling and prints no text; for JSON, use gorgpt bench --decode --json"},
		{"--bench --stop x", "--stop has no meaning with --bench, which measures sampling and prints no text; for JSON, use gorgpt bench --decode --json"},
		{"--bench --tokens 1", "--tokens 1: with --bench, want 2 or more: it measures those after the first"},
		{"--json --logprobs 1000000000", "--logprobs 1000000000: the vocabulary has 18 tokens"},
		{"--repetition-penalty 0", "--repetition-penalty 0: want 0.01 to 100, where 1 means no penalty"},
		{"--repetition-penalty NaN", "--repetition-penalty NaN: want a finite number; see gorgpt generate -h"},
		{"--temperature Inf", "--temperature +Inf: want a finite number; see gorgpt generate -h"},
		{"--temperature NaN", "--temperature NaN: want a finite number; see gorgpt generate -h"},
		{"--samples 0", "--samples 0: want 1 or more"},
		{"--logprobs 2", "--logprobs 2: only with --json"},
		{"--beams 2 --samples 2", "--beams 2: --samples and --logprobs cannot be combined with a beam search"},
		{"--stop-token 18", "--stop-token 18: the vocabulary has the tokens 0 to 17"},
		{"--beams 2 --length-penalty NaN", "--length-penalty NaN: want a finite number; see gorgpt generate -h"},
		{"--min-p 2", "--min-p 2: want a share from 0 to 1"},
		{"--no-repeat -1", "--no-repeat -1: want 0 or more"},
		{"--repetition-penalty -1", "--repetition-penalty -1: want 0.01 to 100, where 1 means no penalty"},
	} {
		status, _, stderr := gorgpt(t, t.Context(), append(slices.Clone(from), strings.Fields(c.args)...)...)
		if status != 2 || stderr != "gorgpt: "+c.want+"\n" {
			t.Errorf("%s: status %d, %s", c.args, status, stderr)
		}
	}
}

// testFinish: --json gives the reason why a text ends; top-p 0 and a tiny temperature are greedy.
func testFinish(t *testing.T, command func(in string, args ...string) string) {
	t.Helper()
	one := func(args ...string) (g run.Text) {
		t.Helper()
		out := command("", append(args, "--prompt", "3 and 4", "--json")...) // with beams, the first is the best
		if err := json.NewDecoder(strings.NewReader(out)).Decode(&g); err != nil {
			t.Fatal(err)
		}
		return g
	}
	greedy := one("--greedy")
	if greedy.Finish != "length" || len(greedy.IDs) != 30 {
		t.Errorf("%+v", greedy)
	}
	for _, args := range [][]string{{"--top-p", "0"}, {"--temperature", "3e-39"}, {"--temperature", "1e-45"}, {"--temperature", "1e-300", "--top-p", "0.5"}, {"--top-p", "0", "--top-k", "0", "--min-p", "0.2"}} {
		if got := one(args...); got.Text != greedy.Text {
			t.Errorf("%v: %q, want %q", args, got.Text, greedy.Text)
		}
	}
	if g := one("--stop-token", fmt.Sprint(greedy.IDs[3]), "--greedy"); g.Finish != "stop" {
		t.Errorf("--stop-token: %+v", g)
	}
	a, b := greedy.Text[4:6], greedy.Text[3:6]
	for _, stops := range [][]string{{a, b}, {b, a}} {
		if g := one("--greedy", "--stop", stops[0], "--stop", stops[1]); g.Finish != "stop" || strings.Contains(g.Text, b) || strings.Contains(g.Text, a) {
			t.Errorf("--stop %q: %+v", stops, g)
		}
	}
	// A beam ends with the stop text; what would follow does not count. Each token is a character.
	if g := one("--beams", "3", "--stop", " "); g.Finish != "stop" || strings.Contains(g.Text, " ") || len(g.IDs) != len(g.Text)+1 {
		t.Errorf("--beams 3 --stop: %+v, %d tokens of %d characters", g, len(g.IDs), len(g.Text))
	}
	for _, args := range [][]string{{}, {"--greedy"}, {"--beams", "2"}} {
		// Each of the 18 tokens occurs once.
		g := one(append(args, "--no-repeat", "1")...)
		if slices.Sort(g.IDs); g.Finish != "no_candidates" || len(g.IDs) == 0 || len(g.IDs) >= 18 || len(slices.Compact(g.IDs)) != len(g.IDs) {
			t.Errorf("--no-repeat 1 %v: %+v", args, g)
		}
		status, out, stderr := gorgpt(t, t.Context(), append([]string{"generate", "--from", "run/checkpoints/best", "--prompt", "3 and 4", "--no-repeat", "1"}, args...)...)
		if status != 0 || stderr != "the text ends here: --no-repeat 1 leaves no token to continue with\n" || !strings.HasPrefix(out, "3 and 4") {
			t.Errorf("--no-repeat 1 %v: status %d, %q, %q", args, status, out, stderr)
		}
	}
}

// TestPaddedVocabulary: a model whose vocabulary is padded beyond its tokenizer's never generates or
// answers with the padding, although the model finds it most likely.
func TestPaddedVocabulary(t *testing.T) {
	t.Chdir(t.TempDir())
	paddedModel(t, "model")
	write(t, "qa.jsonl", `{"question":"abc","answer":"abc"}`+"\n")
	write(t, "words.jsonl", `{"text":"one two three"}`+"\n")
	for _, args := range []string{
		"generate --prompt abc --tokens 20 --greedy --json", "generate --prompt abc --tokens 20 --temperature 2 --json --samples 3 --logprobs 3",
		"generate --prompt abc --tokens 8 --beams 3 --json", "generate --prompt abc --tokens 20",
	} {
		status, out, stderr := gorgpt(t, t.Context(), append(strings.Fields(args), "--from", "model")...)
		if status != 0 || stderr != "" {
			t.Errorf("%s: status %d: %s", args, status, stderr)
		}
		if !strings.Contains(args, "--json") {
			continue
		}
		for line := range strings.Lines(out) {
			var g run.Text
			if err := json.Unmarshal([]byte(line), &g); err != nil || len(g.IDs) == 0 || slices.Max(g.IDs) > 256 {
				t.Errorf("%s: %v, %+v", args, err, g)
			}
		}
	}
	for _, args := range []string{"eval --on qa --data qa.jsonl --tokens 8 --json", "eval --on lambada --data words.jsonl --stop-words --json"} {
		if status, out, stderr := gorgpt(t, t.Context(), append(strings.Fields(args), "--from", "model")...); status != 0 || !json.Valid([]byte(out)) {
			t.Errorf("%s: status %d: %s%s", args, status, out, stderr)
		}
	}
	if status, _, stderr := gorgpt(t, t.Context(), strings.Fields("generate --from model --prompt a --stop-token 257")...); status != 2 || stderr != "gorgpt: --stop-token 257: the vocabulary has the tokens 0 to 256\n" {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// paddedModel saves a model of 264 ids with a tokenizer of 257; the ids of the padding are the most likely.
func paddedModel(t *testing.T, dir string) {
	t.Helper()
	c := gpt2.New(264, 32, 16, 1, 2)
	m := c
	params := graph.NewParams(1)
	s := graph.New(params)
	p, err := s.Compile(models.Logits(m, s, s.Ints("tokens", 1, 4)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, w := range params.All() {
		if w.Name() == "wte" || strings.HasSuffix(w.Name(), "wte.weight") {
			for i := 257 * 16; i < len(w.Data()); i++ {
				w.Data()[i] *= 100 // logits of both signs, some of them the largest
			}
		}
	}
	config, err := models.JSON(m, 256)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(dir, checkpoint.Contents{Config: config, Params: params, Tokenizer: tokenizer.Bytes().Save}); err != nil {
		t.Fatal(err)
	}
}
