package eval_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
)

// TestSingleTokenDocument: a document of one token wants --bos, and is told before the others
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
