package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// beside is a folder drawn by testdata/beside.py, and the ids that transformers 5.24 gives for it.
type beside struct {
	Files      map[string]json.RawMessage
	Begin, End *int
	Size       int
	Texts      []string
	IDs        [][]int
}

// TestBeside: tokenizer_config.json, special_tokens_map.json and added_tokens.json have the same effect as in
// AutoTokenizer, even after the tokenizer was saved and loaded again.
func TestBeside(t *testing.T) {
	name := "testdata/beside.jsonl"
	if other := os.Getenv("GORGPT_BESIDE"); other != "" {
		name = other
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for i := 0; lines.Scan(); i++ {
		var b beside
		if err := json.Unmarshal(lines.Bytes(), &b); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for name, text := range b.Files {
			var plain string
			if json.Unmarshal(text, &plain) == nil {
				text = []byte(plain)
			}
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		tok, err := Load(dir)
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		b.check(t, i, tok)
		again := t.TempDir()
		if err := tok.Save(again); err != nil {
			t.Fatal(err)
		}
		manner := Manner(tok)
		if tok, err = Load(again); err != nil {
			t.Errorf("%d: saved and loaded: %v", i, err)
			continue
		}
		if got := Manner(tok); got != manner {
			t.Errorf("%d: saved and loaded, its manner is %q, want %q", i, got, manner)
		}
		b.check(t, i, tok)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// check compares the ids of all texts.
func (b *beside) check(t *testing.T, i int, tok Tokenizer) {
	t.Helper()
	before, after := Around(tok)
	for k, text := range b.Texts {
		got, err := AppendSpecial(tok, slices.Clone(before), []byte(text))
		if got = append(got, after...); err != nil || !slices.Equal(got, b.IDs[k]) {
			t.Errorf("%d: %q is %v, %v, want %v", i, text, got, err, b.IDs[k])
		}
	}
	if id, ok := tok.EndOfText(); b.End != nil && (!ok || id != *b.End) {
		t.Errorf("%d: end of text %d, %t, want %d", i, id, ok, *b.End)
	}
	if id, ok := Beginning(tok); b.Begin != nil && (!ok || id != *b.Begin) {
		t.Errorf("%d: beginning of text %d, %t, want %d", i, id, ok, *b.Begin)
	}
	if tok.Size() != b.Size {
		t.Errorf("%d: %d tokens, want %d", i, tok.Size(), b.Size)
	}
}
