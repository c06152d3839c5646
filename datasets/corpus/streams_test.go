package corpus_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestNoValidation: if no text is held out for validation, there is only a training stream.
func TestNoValidation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("one two three ", 100)), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := corpus.Open(corpus.Spec{Data: path})
	if err != nil {
		t.Fatal(err)
	}
	training, validation, err := c.Streams(tokenizer.Bytes(), datasets.Config{Batch: 2, Context: 8, Seed: 1})
	if err != nil || validation != nil {
		t.Fatalf("%v, %v", validation, err)
	}
	defer training.Close()
	if _, err := training.Next(t.Context()); err != nil {
		t.Error(err)
	}
}
