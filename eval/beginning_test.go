package eval

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestBeginning: before a text stands the beginning of text that the tokenizer's files name,
// not its end; without one, the end of the text before.
func TestBeginning(t *testing.T) {
	dir := t.TempDir()
	if err := tokenizer.Bytes().Save(dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config string
		want   int
	}{
		{`{"eos_token": "b", "bos_token": "a"}`, 'a'},
		{`{"eos_token": "b"}`, 'b'},
		{`{}`, 256},
	} {
		if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(c.config), 0o666); err != nil {
			t.Fatal(err)
		}
		tok, err := tokenizer.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		s := NewSubject(nil, nil, tok, 8)
		ids, from, err := s.encode("", "xy", true)
		if err != nil || len(ids) != 3 || ids[0] != c.want || from != 1 {
			t.Errorf("%s: %v from %d, %v, want %d first", c.config, ids, from, err, c.want)
		}
		if end, _ := tok.EndOfText(); len(s.ends()) != 1 || s.ends()[0] != end {
			t.Errorf("%s: ends at %v, want %d", c.config, s.ends(), end)
		}
	}
}
