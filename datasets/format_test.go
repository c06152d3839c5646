package datasets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// stanzas is a format of texts with an empty line between them. A text "bad" cannot be read, and a text "worse" panics.
type stanzas [][]byte

func openStanzas(path string) (Records, error) {
	text, err := os.ReadFile(path)
	if bytes.HasPrefix(text, []byte("not")) {
		err = errors.New("no stanzas")
	}
	return stanzas(bytes.Split(text, []byte("\n\n"))), err
}

func (s stanzas) Text(n int64) ([]byte, error) {
	if n >= int64(len(s)) {
		return nil, io.EOF
	}
	switch string(s[n]) {
	case "bad":
		return nil, errors.New("the stanza is bad")
	case "worse":
		panic("it is worse")
	}
	return s[n], nil
}

func (stanzas) Close() error { return nil }

func init() { RegisterFormat(".stanzas", openStanzas) }

func TestRegisterFormatRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ending, want string
		open         func(string) (Records, error)
	}{
		{".stanzas", "a second format is registered for files that end in .", openStanzas}, {".STANZAS", "a second format is registered for files that end in .", openStanzas}, {".jsonl", "a second format is registered for files that end in .", openStanzas},
		{"stanzas", "is not a file name extension", openStanzas}, {".", "is not a file name extension", openStanzas}, {"a.b", "is not a file name extension", openStanzas}, {".poem", "no function", nil},
	} {
		RegisterFormat(c.ending, c.open)
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.ending, err, c.want)
		}
		formats.err = nil
	}
}

// readTexts returns the texts of a source, up to the first that cannot be read.
func readTexts(src *Source) (texts []string, err error) {
	for _, r := range src.Texts() {
		text, err := io.ReadAll(r)
		if err != nil {
			return texts, err
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

// TestRegisteredFormat: files in a registered format are read like JSON lines with the same texts, and a run can be
// resumed within them.
func TestRegisteredFormat(t *testing.T) {
	var texts, lines []string
	for i := range 40 {
		text := fmt.Sprintf("stanza %d of a poem\nthat has %s", i, strings.Repeat("a word ", i))
		texts, lines = append(texts, text), append(lines, fmt.Sprintf(`{"text": %q}`, text))
	}
	texts = slices.Insert(texts, 7, "") // is skipped
	dir := t.TempDir()
	for name, text := range map[string]string{"a.stanzas": strings.Join(texts, "\n\n"), "a.jsonl": strings.Join(lines, "\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var training, validation [2]*Source
	for i, name := range []string{"a.stanzas", "a.jsonl"} {
		src, err := Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if training[i], validation[i], err = Split(src, 0.1); err != nil {
			t.Fatal(err)
		}
	}
	for _, pair := range [][2]*Source{training, validation} {
		got, err := readTexts(pair[0])
		if err != nil {
			t.Fatal(err)
		}
		want, err := readTexts(pair[1])
		if err != nil || !slices.Equal(got, want) || len(got) == 0 {
			t.Errorf("%d stanzas, of JSON lines %d, %v", len(got), len(want), err)
		}
	}
	if whole, parts := restarted(t, training[0], -1), restarted(t, training[0], 23); !slices.Equal(whole, parts) {
		t.Error("other tokens after a restart")
	}
}

// restarted returns the tokens of 60 batches, with a restart before one of them.
func restarted(t *testing.T, src *Source, restart int) (ids []int) {
	t.Helper()
	open := func() Stream {
		s, err := NewTraining(src, tokenizer.Bytes(), Config{Batch: 2, Context: 16, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	s := open()
	for n := range 60 {
		if n == restart {
			at, err := s.State()
			if err != nil {
				t.Fatal(err)
			}
			s = open()
			if err := s.Restore(at); err != nil {
				t.Fatal(err)
			}
		}
		b, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, b.Tokens...)
	}
	return ids
}

// TestRegisteredFormatErrors: a record that a format cannot read is a one-line error with its place, or is skipped on
// request.
func TestRegisteredFormatErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct{ text, want string }{
		"no.stanzas":      {"not", "no.stanzas: no stanzas"},
		"bad.stanzas":     {"a\n\nbad", "bad.stanzas: record 1: the stanza is bad"},
		"worse.stanzas":   {"worse\n\na", "worse.stanzas: record 0: its format panicked: it is worse"},
		"latin.stanzas":   {"a\n\nb\xff", "latin.stanzas: record 1: "},
		"once.stanzas.gz": {"a", "decompress it"},
	} {
		path := write(name, c.text)
		src, err := Open(path)
		if err == nil {
			_, err = readTexts(src)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	src, err := Open(write("some.stanzas", "a\n\nbad\n\nworse\n\nb"), SkipBad())
	if err != nil {
		t.Fatal(err)
	}
	got, err := readTexts(src)
	if n, first := src.Skipped(); err != nil || n != 2 || first == nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q, %v, %d left out: %v", got, err, n, first)
	}
}
