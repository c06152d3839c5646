package checkpoint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestPointers: a pointer that Git LFS left in place of a file is reported as such, whatever the file.
// (transformers reports "Error while deserializing header" or "not a valid JSON file".)
func TestPointers(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 548105171\n"
	const want = ": this is a Git-LFS pointer, not the file itself: fetch it with git lfs pull, or download it"
	lay := func(t *testing.T, without, name string) (dir, path string) {
		dir = t.TempDir()
		saveVocab(t, filepath.Join(dir, "m"), 257)
		dir = filepath.Join(dir, "m")
		if without != "" {
			if err := os.Remove(filepath.Join(dir, without)); err != nil {
				t.Fatal(err)
			}
		}
		path = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(pointer), 0o666); err != nil {
			t.Fatal(err)
		}
		return dir, path
	}
	for _, c := range []struct{ without, name string }{
		{"", "config.json"}, {"", "model.safetensors"}, {"model.safetensors", "model.safetensors.index.json"},
	} {
		dir, path := lay(t, c.without, c.name)
		if _, err := checkpoint.Load(dir); err == nil || !strings.HasSuffix(err.Error(), path+want) {
			t.Errorf("Load with %s: %v", c.name, err)
		}
	}
	for _, c := range []struct{ without, name, open string }{
		{"model.safetensors", "pytorch_model.bin", "pytorch_model.bin"}, {"model.safetensors", "pytorch_model.bin", ""},
		{"model.safetensors", "gpt2_124M.bin", "gpt2_124M.bin"}, {"", "model.safetensors", "model.safetensors"},
	} {
		dir, path := lay(t, c.without, c.name)
		if _, err := checkpoint.Recognize(filepath.Join(dir, c.open)); err == nil || !strings.HasSuffix(err.Error(), path+want) {
			t.Errorf("Recognize of %s by %q: %v", c.name, c.open, err)
		}
	}
	for _, c := range []struct{ without, name string }{
		{"", "tokenizer.json"}, {"tokenizer.json", "vocab.json"},
	} {
		dir, path := lay(t, c.without, c.name)
		if c.name == "vocab.json" {
			if err := os.WriteFile(filepath.Join(dir, "merges.txt"), []byte("#version: 0.2\n"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tokenizer.Load(dir); err == nil || !strings.HasSuffix(err.Error(), path+want) {
			t.Errorf("tokenizer of %s: %v", c.name, err)
		}
	}
}
