package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/smollm2"
	"github.com/gorgpt/gorgpt/models"
)

// TestGGUF: a GGUF file converts to the directory that it was made from, and a directory to a GGUF file, with its tokenizer.
func TestGGUF(t *testing.T) {
	root := fixture(t, "../checkpoint/testdata/gguf")
	t.Chdir(t.TempDir())
	weights := func(dir string) string {
		b, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, name := range []string{"gpt2", "llama3", "yarn"} {
		for in, out := range map[string]string{filepath.Join(root, name+".gguf"): name, filepath.Join(root, "hf", name): name + "-hf"} {
			if status, _, stderr := gorgpt(t, t.Context(), "convert", in, out); status != 0 {
				t.Fatal(stderr)
			}
		}
		if weights(name) != weights(name+"-hf") {
			t.Errorf("%s: other weights", name)
		}
	}
	file := filepath.Join(root, "llama3.gguf")
	for args, want := range map[string]string{
		"plan --from ":                "",
		"generate --prompt x --from ": file + " has no tokenizer: convert it to a folder with gorgpt convert, and copy tokenizer.json, or vocab.json and merges.txt, into that folder",
		"classify x --from ":          file + " has no task.json: it is not a classifier; make one with gorgpt finetune",
	} {
		_, _, stderr := gorgpt(t, t.Context(), append(strings.Fields(args), file)...)
		if want == "" && stderr != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: %s, want %s", args, stderr, want)
		}
	}
}

// TestSmolLM2: a published model answers, from llama.cpp's file and from an 8-bit file made of it.
func TestSmolLM2(t *testing.T) {
	path := smollm2.Path(t)
	t.Chdir(t.TempDir())
	status, stdout, stderr := gorgpt(t, t.Context(), "convert", path, "small.gguf", "--dtype", "q8_0")
	want := "GGUF file of llama.cpp (SmolLM2-135M-Instruct.Q4_1.gguf, F32, Q4_1, Q8_0)\nsmollm2-135m: "
	if status != 0 || !strings.HasPrefix(stdout, want) || !strings.HasSuffix(stdout, "\ntokenizer: in the file\nsmall.gguf\n") {
		t.Fatal(status, stdout, stderr)
	}
	for _, from := range []string{path, "small.gguf"} {
		status, stdout, stderr := gorgpt(t, t.Context(), "generate", "--from", from, "--prompt", "The capital of France is", "--greedy", "--tokens", "2")
		if status != 0 || stdout != "The capital of France is Paris.\n" {
			t.Errorf("%s: status %d, %q, %s", from, status, stdout, stderr)
		}
	}
}

// TestGGUFEnds: what a file cannot hold is reported.
func TestGGUFEnds(t *testing.T) {
	root := fixture(t, "../checkpoint/testdata/gguf/hf/llama3")
	t.Chdir(t.TempDir())
	if err := os.CopyFS("many", os.DirFS(root)); err != nil {
		t.Fatal(err)
	}
	edited(t, "many/generation_config.json", map[string]any{"eos_token_id": []int{1, 2, 3, 4}})
	status, stdout, stderr := gorgpt(t, t.Context(), "convert", "many", "many.gguf")
	const want = "\nof the end-of-text tokens [1 2 3 4], the file has only the first 3: llama.cpp has no place for more\nmany.gguf\n"
	if status != 0 || !strings.HasSuffix(stdout, want) {
		t.Errorf("status %d, %s%s\nwant %s", status, stdout, stderr, want)
	}
}

// TestGGUFOfGPT3: a GPT-3 all of whose layers are dense is a GPT-2 to llama.cpp. Ends of text beyond the vocabulary are not
// written.
func TestGGUFOfGPT3(t *testing.T) {
	t.Chdir(t.TempDir())
	m, err := models.Parse([]byte(`{"model_type": "gpt3", "vocab_size": 11, "n_positions": 8, "n_embd": 8, "n_layer": 2, "n_head": 2, "attention_order": "dense"}`))
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	config, err := models.JSON(m, 99)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save("in", checkpoint.Contents{Config: config, Params: params}); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := gorgpt(t, t.Context(), "convert", "in", "out.gguf"); status != 0 {
		t.Fatal(stderr)
	}
	if status, _, stderr := gorgpt(t, t.Context(), "convert", "out.gguf", "again"); status != 0 {
		t.Fatal(stderr)
	}
	if x, y := logits(t, "in", []int{1, 2, 3}), logits(t, "again", []int{1, 2, 3}); !slices.Equal(x, y) {
		t.Errorf("logits %v, want %v", y, x)
	}
	d, err := checkpoint.Open("out.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if ends, err := d.Ends(); err != nil || len(ends) > 0 {
		t.Errorf("ends %v, %v", ends, err)
	}
}
