package datasets

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// write makes files under a new folder, which it returns.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// texts reads a source and returns its texts by the names that errors use.
func texts(t testing.TB, s *Source) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for name, r := range s.Texts() {
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(b)
	}
	return all
}

func names(s *Source) string {
	var all []string
	for _, d := range s.Documents() {
		all = append(all, d.Name)
	}
	return strings.Join(all, " ")
}

func TestSourceString(t *testing.T) {
	for _, test := range []struct {
		source *Source
		want   string
	}{
		{Text("poem", "x"), "poem: 1 document, 1 byte"},
		{Text("poem", "ab", "", "cde"), "poem: 2 documents, 5 bytes"},
		{Text("none"), "none: 0 documents, 0 bytes"},
		{newSource("Go 1.26.8 standard library", "file", many(3214, 14_655)), "Go 1.26.8 standard library: 3,214 files, 47.1 MB"},
		{NewSource("kilo", many(1, 1000)...), "kilo: 1 document, 1.0 kB"},
		{NewSource("kilo", many(1, 999_949)...), "kilo: 1 document, 999.9 kB"},
		{NewSource("mega", many(1, 999_950)...), "mega: 1 document, 1.0 MB"},
		{NewSource("tera", many(12_345, 1e11)...), "tera: 12,345 documents, 1234.5 TB"},
	} {
		if got := test.source.String(); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

// many returns n documents of the given size, which are never opened.
func many(n int, size int64) []Document {
	docs := make([]Document, n)
	for i := range docs {
		docs[i].Size = size
	}
	return docs
}

func TestTexts(t *testing.T) {
	s := Text("poem", "one", "", "three")
	got := texts(t, s)
	if len(got) != 2 || got["poem[0]"] != "one" || got["poem[2]"] != "three" {
		t.Errorf("texts %q", got)
	}
	for name, r := range s.Texts() {
		if err := iotest.TestReader(r, []byte("one")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		break
	}
	_, part, err := Split(Text("poem", "0123456789"), 0.3)
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(t, part); got["poem[0] from byte 7"] != "789" {
		t.Errorf("texts of a part %q", got)
	}
}

// broken returns a document whose text cannot be opened or, if opens is true, cannot be read.
func broken(opens bool) Document {
	return Document{Name: "broken", Size: 10, Open: func() (Content, error) {
		if !opens {
			return nil, errors.New("no such tape")
		}
		return memory{strings.NewReader("short")}, nil
	}}
}

func TestBrokenDocuments(t *testing.T) {
	for _, test := range []struct {
		doc  Document
		want string
	}{
		{broken(false), "no such tape"},
		{Document{Name: "broken", Size: 10}, "the document has no Open"},
		{broken(true), "shorter than 10 bytes: it was changed after it was opened"},
	} {
		for _, r := range NewSource("source", test.doc).Texts() {
			if _, err := io.ReadAll(r); err == nil || err.Error() != test.want {
				t.Errorf("Texts: error %v\nwant  %s", err, test.want)
			}
		}
		if _, _, err := Split(NewSource("source", test.doc), 0.1); err == nil || err.Error() != "broken: "+test.want {
			t.Errorf("Split: error %v\nwant  broken: %s", err, test.want)
		}
		if _, err := NewTraining(NewSource("source", test.doc), bytesTokenizer, Config{Batch: 1, Context: 4}); err == nil || err.Error() != "broken: "+test.want {
			t.Errorf("NewTraining: error %v\nwant  broken: %s", err, test.want)
		}
	}
}

// TestLearnChars: an error names the file and the offset in it.
func TestLearnChars(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "fine", "sub/b.txt": strings.Repeat("x", 100_000) + "\xc3("})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tokenizer.LearnChars(s.Texts())
	if want := filepath.Join(dir, "sub", "b.txt") + ": offset 100000: byte 0xc3 is not valid UTF-8"; err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	tok := charsOf(t, Text("abc", "finex"))
	stream := mustStream(t, training, s, tok, Config{Batch: 1, Context: 2, Buffer: 1 << 20})
	_, err = stream.Next(t.Context())
	if want := filepath.Join(dir, "sub", "b.txt") + ": offset 100000: byte 0xc3 is not valid UTF-8"; err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}
