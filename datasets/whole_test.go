package datasets

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestUncut: a text read in several pieces has the same ids as the whole text, even with a tokenizer that adds a space
// at the beginning, has a token of two words, or merges across white space.
func TestUncut(t *testing.T) {
	text := strings.Repeat("to be\nor not\n\nto be  New York\t", 6000)
	learned, err := tokenizer.LearnBPE(Text("text", text).Texts(), 270)
	if err != nil {
		t.Fatal(err)
	}
	for name, changes := range map[string][]string{
		"prefix space": {`"add_prefix_space": false`, `"add_prefix_space": true`},
		"two words":    {"<|endoftext|>", "New York", `"special": true`, `"special": false`},
		"across":       {`"use_regex": true`, `"use_regex": false`},
		"white space":  {"<|endoftext|>", "  ", `"special": true`, `"special": false`},
		"stripped":     {"<|endoftext|>", "not", `"special": true`, `"special": false`, `"rstrip": false`, `"rstrip": true`},
		"split": {`"pre_tokenizer": {`, `"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"String": "e\nor"}, "behavior": "Isolated"}, {`,
			"},\n  \"post_processor\"", "}]},\n  \"post_processor\""},
	} {
		dir := t.TempDir()
		if err := learned.Save(dir); err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, "tokenizer_config.json"))
		file := filepath.Join(dir, "tokenizer.json")
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.NewReplacer(changes...).Replace(string(b))), 0o666); err != nil {
			t.Fatal(err)
		}
		tok, err := tokenizer.Load(dir)
		if err != nil {
			t.Fatal(name, err)
		}
		want, err := tok.Append(nil, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if end, ok := tok.EndOfText(); ok {
			want = append(want, end)
		}
		if got := encodedFile(t, tok, text); !slices.Equal(got, want) {
			t.Errorf("%s: %d ids, want %d, or others", name, len(got), len(want))
		}
	}
}

// encodedFile returns the ids of a text file that is read in pieces.
func encodedFile(t *testing.T, tok tokenizer.Tokenizer, text string) []int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	src, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{docs: src.docs, tok: tok}
	defer r.close()
	var all []int
	for {
		ids, err := r.take(t.Context(), 1<<20)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ids...)
	}
}
