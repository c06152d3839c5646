package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/pack"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// edited changes keys of a JSON file; nil removes a key.
func edited(t *testing.T, name string, keys map[string]any) {
	t.Helper()
	all := make(map[string]any)
	if b, err := os.ReadFile(name); err == nil {
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
	}
	for key, v := range keys {
		all[key] = v
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, string(b))
}

// TestEndOfText: a text ends with the token that the checkpoint's files name, as with transformers'
// generate: generation_config.json first, then config.json, then the tokenizer's. The token may be
// given as a number, a list, its text, or an object with its flags.
func TestEndOfText(t *testing.T) {
	t.Chdir(t.TempDir())
	generate := func(dir string) run.Text {
		t.Helper()
		status, out, stderr := gorgpt(t, t.Context(), "generate", "--from", dir, "--prompt", "abc", "--tokens", "28", "--temperature", "5", "--top-k", "0", "--json")
		var g run.Text
		if err := json.Unmarshal([]byte(out), &g); status != 0 || err != nil {
			t.Fatal(status, stderr, err)
		}
		return g
	}
	paddedModel(t, "plain")
	whole := generate("plain").IDs
	at := slices.IndexFunc(whole, func(id int) bool { return id > '0' && id < '~' })
	if at < 1 {
		t.Fatalf("no letter in %v", whole)
	}
	end := whole[at]
	at = slices.Index(whole, end)
	for i, c := range []struct{ generation, config, tokenizer map[string]any }{
		{generation: map[string]any{"eos_token_id": end}},
		{generation: map[string]any{"eos_token_id": []int{256, end}}, config: map[string]any{"eos_token_id": whole[0]}},
		{generation: map[string]any{"temperature": 1}, config: map[string]any{"eos_token_id": []int{end, 9999}}},
		{config: map[string]any{"eos_token_id": nil}, tokenizer: map[string]any{"eos_token": string(rune(end))}},
		{config: map[string]any{"eos_token_id": nil}, tokenizer: map[string]any{"eos_token": map[string]any{"__type": "AddedToken", "content": string(rune(end)), "lstrip": false}}},
	} {
		dir := fmt.Sprint("model", i)
		paddedModel(t, dir)
		if c.generation != nil {
			edited(t, dir+"/generation_config.json", c.generation)
		}
		edited(t, dir+"/config.json", c.config)
		edited(t, dir+"/tokenizer_config.json", c.tokenizer)
		if g := generate(dir); !slices.Equal(g.IDs, whole[:at+1]) || g.Finish != "end_of_text" {
			t.Errorf("%d: %+v, want %v", i, g, whole[:at+1])
		}
	}
}

// TestEndOfResponse: responses end with that token too, when fine-tuning on pairs trains the end of one
// and in eval; the checkpoint keeps the settings of the files.
func TestEndOfResponse(t *testing.T) {
	t.Chdir(t.TempDir())
	paddedModel(t, "model")
	write(t, "qa.jsonl", strings.Repeat(`{"question":"abc","answer":"de"}`+"\n", 12))
	edited(t, "model/generation_config.json", map[string]any{"eos_token_id": []int{7, 8}, "temperature": 0.5})
	status, _, stderr := gorgpt(t, t.Context(), "finetune", "--from", "model", "--pairs", "qa.jsonl", "--epochs", "40", "--batch", "11", "--lr", "3e-2", "--dropout", "0", "--out", "run")
	if status != 0 {
		t.Fatal(stderr)
	}
	const best = "run/checkpoints/best"
	var config struct {
		Ends        []int `json:"eos_token_id"`
		Temperature float64
	}
	for _, name := range []string{"/config.json", "/generation_config.json"} {
		b, err := os.ReadFile(best + name)
		if err == nil {
			err = json.Unmarshal(b, &config)
		}
		if err != nil || !slices.Equal(config.Ends, []int{7, 8}) {
			t.Errorf("%s: %v, %s", name, err, b)
		}
	}
	if config.Temperature != 0.5 {
		t.Errorf("temperature %g", config.Temperature)
	}
	if status, _, stderr := gorgpt(t, t.Context(), "eval", "--on", "qa", "--data", "qa.jsonl", "--from", best, "--tokens", "9", "--samples", "samples.jsonl"); status != 0 {
		t.Fatal(stderr)
	}
	b, err := os.ReadFile("samples.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var sample struct {
		Text   string `json:"text"`
		Tokens int    `json:"tokens"`
	}
	first, _, _ := strings.Cut(string(b), "\n")
	if err := json.Unmarshal([]byte(first), &sample); err != nil || strings.TrimSpace(sample.Text) != "de" || sample.Tokens != 4 {
		t.Errorf("%v, %s: want de, and a fourth token that ends it", err, first)
	}
}

// TestEndBetweenDocuments: pack and packed windows put the end-of-text token that the tokenizer's files
// name between documents, and a run's config.json names it and the beginning-of-text token.
func TestEndBetweenDocuments(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := tokenizer.Bytes().Save("tok"); err != nil {
		t.Fatal(err)
	}
	edited(t, "tok/tokenizer_config.json", map[string]any{"eos_token": "~", "bos_token": "|"})
	write(t, "texts.jsonl", strings.Repeat(`{"text":"abcdef"}`+"\n", 40))
	if status, _, stderr := gorgpt(t, t.Context(), "pack", "--tokenizer", "tok", "--out", "packed", "--validation", "0", "texts.jsonl"); status != 0 {
		t.Fatal(stderr)
	}
	x, err := pack.Read("packed")
	if err != nil || x.EndOfText == nil || *x.EndOfText != '~' || x.Train.Tokens != 40*7 {
		t.Errorf("%+v, %v", x, err)
	}
	status, _, stderr := gorgpt(t, t.Context(), "train", "--data", "texts.jsonl", "--val-data", "texts.jsonl", "--tokenizer", "tok", "--windows", "packed", "--layers", "1", "--width", "16", "--heads", "2",
		"--context", "8", "--batch", "2", "--steps", "1", "--warmup", "0", "--eval-every", "1", "--eval-batches", "1", "--out", "run")
	if status != 0 {
		t.Fatal(stderr)
	}
	for want, name := range map[string]string{`"eos_token_id": 126`: "config.json", `"bos_token_id": 124`: "config.json", `"eos_token": "~"`: "tokenizer_config.json"} {
		if b, err := os.ReadFile("run/checkpoints/latest/" + name); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v, %s, want %s", name, err, b, want)
		}
	}
}
