package corpus_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "corpus")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "text.txt")
	if err := os.WriteFile(file, []byte(strings.Repeat("abc ", 100)), 0o666); err != nil {
		fmt.Println(err)
		return
	}
	c, err := corpus.Open(corpus.Spec{Data: file, Validation: 0.25})
	if err != nil {
		fmt.Println(err)
		return
	}
	tok, err := tokenizer.Find("chars", c.Texts(true))
	if err != nil {
		fmt.Println(err)
		return
	}
	training, _, err := c.Streams(tok, datasets.Config{Batch: 2, Context: 8, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer training.Close()
	b, err := training.Next(context.Background())
	fmt.Println(tok.Size(), b.Size, b.Context, err)
	// Output: 4 2 8 <nil>
}

func ExampleCheckPart() {
	fmt.Println(corpus.CheckPart("0.3 notes/*.txt"), corpus.CheckPart("notes/*.txt"))
	// Output: <nil> --mix "notes/*.txt": want a weight above 0 and the text, as in "0.3 notes/*.txt"
}
