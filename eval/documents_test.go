package eval_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
)

// TestSingleTokenDocument: a document of one token requires --bos, which is reported before the others
// are measured.
func TestSingleTokenDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pages.jsonl")
	if err := os.WriteFile(path, []byte("{\"text\":\"one two three\"}\n{\"text\":\"a\"}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := open(t, 16)
	s.Progress = func(done, total int) { t.Errorf("%d of %d done", done, total) }
	_, err := eval.Perplexity{Documents: true}.Evaluate(t.Context(), s, path)
	if err == nil || !strings.HasSuffix(err.Error(), "pages.jsonl: document 2: a single token, which nothing predicts; give --bos") {
		t.Errorf("error %v", err)
	}
	s.Progress = nil
	if r, err := (eval.Perplexity{Documents: true, BOS: true}).Evaluate(t.Context(), s, path); err != nil || len(r.Samples) != 2 {
		t.Errorf("%v, %d samples", err, len(r.Samples))
	}
}

// TestDocuments: each line is a document, and none is skipped silently.
func TestDocuments(t *testing.T) {
	const two = "{\"text\":\"one two\"}\n{\"page\":\"three four\"}\n"
	for _, c := range []struct {
		text    string
		limit   int
		samples int
		want    string // after the path
	}{
		{two, 0, 2, ""}, {two, 2, 2, ""}, {two, 1, 1, ""},
		{"{\"text\":\"one two\"}\n{\"txt\":\"three\"}\n", 1, 1, ""}, // the second line is not read
		{"{\"text\":\"one two\"}\n{\"txt\":\"three\"}\n", 0, 0, ":2: no key text or page"},
		{"{\"text\":\"one two\"}\n{\"text\":3}\n", 0, 0, ":2: key text: want a string, got a number"},
		{"", 0, 0, ": no lines"},
	} {
		path := filepath.Join(t.TempDir(), "pages.jsonl")
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := eval.Perplexity{Documents: true, Limit: c.limit}.Evaluate(t.Context(), open(t, 16), path)
		if err != nil && err.Error() != path+c.want || (err == nil) != (c.want == "") || len(r.Samples) != c.samples {
			t.Errorf("%q: %d samples, %v; want %d, %q", c.text, len(r.Samples), err, c.samples, c.want)
		}
	}
}

// TestNoText: a missing file and invalid options are errors.
func TestNoText(t *testing.T) {
	dir := t.TempDir()
	text, none := filepath.Join(dir, "text"), filepath.Join(dir, "none")
	if err := os.WriteFile(text, []byte("one two three\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := open(t, 16)
	if _, err := (eval.Perplexity{}).Evaluate(t.Context(), s, text); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		eval.Perplexity
		path string
	}{
		{eval.Perplexity{}, none}, {eval.Perplexity{Documents: true}, none}, {eval.Perplexity{Documents: true}, text},
		{eval.Perplexity{Detokenizer: "nonesuch"}, text}, {eval.Perplexity{Stride: 17}, text}, {eval.Perplexity{Words: "nonesuch"}, text},
	} {
		if _, err := c.Evaluate(t.Context(), s, c.path); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}
