package corpus_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/corpus"
)

// TestTokenizer: the size of the vocabulary grows with the text; no tokenizer is learned from token shards that do not
// name theirs.
func TestTokenizer(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, size int) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, bytes.Repeat([]byte("as it was \n"), size/11+1)[:size], 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	large, shard := file("large.txt", 4<<20), file("train.bin", 1<<20)
	for _, test := range []struct {
		spec corpus.Spec
		want string
	}{
		{corpus.Spec{Data: large}, "bpe:4096"},
		{corpus.Spec{Data: file("a.txt", 4<<20-1)}, "bpe:2048"},
		{corpus.Spec{Data: file("b.txt", 1115394)}, "bpe:1024"},
		{corpus.Spec{Data: file("c.txt", 512<<10)}, "bpe:512"},
		{corpus.Spec{Data: file("d.txt", 512<<10-1)}, "bytes"},
		{corpus.Spec{Data: file("e.txt", 20000)}, "bytes"},
		{corpus.Spec{Data: shard}, "bytes"},
		{corpus.Spec{Mix: []string{"1 " + large, "1 " + shard}}, "bytes"},
		{corpus.Spec{Mix: []string{"1 " + file("f.txt", 300<<10), "1 " + file("g.txt", 300<<10)}}, "bpe:512"},
	} {
		test.spec.Validation = 0.1
		c, err := corpus.Open(test.spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Tokenizer(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.spec, got, test.want)
		}
	}
}
