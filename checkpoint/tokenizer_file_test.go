package checkpoint

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestTokenizerOfFile: the name of a GGUF file also names the tokenizer in it; if there is none, or if the
// file is of another format, the error says so.
func TestTokenizerOfFile(t *testing.T) {
	tok, err := tokenizer.GPT2()
	if err != nil {
		t.Fatal(err)
	}
	m, err := models.Set(loaded(t, "testdata/gguf/hf/gpt2").Model, "vocab_size=50257", "n_embd=4", "n_head=1", "n_layer=1")
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	with, without := filepath.Join(dir, "with.gguf"), filepath.Join(dir, "without.gguf")
	c := GGUF{Name: "x", Model: m, Params: params, DType: weights.F16}
	if err := SaveGGUF(without, c); err != nil {
		t.Fatal(err)
	}
	c.Tokenizer = tok
	if err := SaveGGUF(with, c); err != nil {
		t.Fatal(err)
	}
	got, err := tokenizer.Find(with, nil)
	if err != nil {
		t.Fatal(err)
	}
	const text = "The capital of France is\n Paris."
	want, err := tok.Append(nil, []byte(text))
	ids, err2 := got.Append(nil, []byte(text))
	if err != nil || err2 != nil || !slices.Equal(ids, want) {
		t.Errorf("%v, want %v; %v, %v", ids, want, err, err2)
	}
	for path, want := range map[string]string{
		without:                         "without.gguf: there is no tokenizer in it",
		"tokenizer_file_test.go":        "tokenizer_file_test.go: a file, want",
		filepath.Join(dir, "none.gguf"): "none.gguf: no such file or folder",
	} {
		if _, err := tokenizer.Find(path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
