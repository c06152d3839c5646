package eval

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestBeginning: a text begins with the beginning-of-text token that the tokenizer's files name or, if
// they name none, with the end-of-text token.
func TestBeginning(t *testing.T) {
	dir := t.TempDir()
	if err := tokenizer.Bytes().Save(dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config   string
		want     int
		protocol string
	}{
		{`{"eos_token": "b", "bos_token": "a"}`, 'a', "beginning of text"},
		{`{"eos_token": "b"}`, 'b', "end of text"},
		{`{}`, 256, "end of text"},
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
		if got := bosText(tok, true, "none"); got != c.protocol {
			t.Errorf("%s: the protocol says %q, want %q", c.config, got, c.protocol)
		}
		if end, _ := tok.EndOfText(); len(s.ends()) != 1 || s.ends()[0] != end {
			t.Errorf("%s: ends at %v, want %d", c.config, s.ends(), end)
		}
	}
}

// TestReply: in a conversation, white space before a reply is scored with it, special tokens do not count as white
// space, and an empty prompt is an error.
func TestReply(t *testing.T) {
	s := NewSubject(nil, nil, tokenizer.Bytes(), 8)
	s.Chat = func(prompt string) ([]int, error) {
		ids, err := s.Tokenizer.Append([]int{256}, []byte(prompt+"\n \n"))
		if prompt == "ended" {
			ids = []int{256}
		}
		return ids, err
	}
	for _, c := range []struct {
		before string
		ids    string
		from   int
	}{{"a", "a\n \n b", 2}, {"a ", "a \n \n b", 2}, {"ended", " b", 1}} {
		ids, from, err := s.encode(c.before, " b", false)
		if err != nil || ids[0] != 256 || from != c.from {
			t.Fatalf("%q: %v from %d, %v", c.before, ids, from, err)
		}
		if text, err := s.Tokenizer.AppendText(nil, ids[1:]); err != nil || string(text) != c.ids {
			t.Errorf("%q: %q, %v, want %q", c.before, text, err, c.ids)
		}
	}
	if _, _, err := s.encode("", "b", false); err == nil || err.Error() != "there is no text before it to be the user's message" {
		t.Error(err)
	}
}
