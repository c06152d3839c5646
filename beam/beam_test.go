package beam

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"

	"github.com/gorgpt/gorgpt/datasets/corpus"
	"github.com/gorgpt/gorgpt/datasets/pack"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func TestMain(m *testing.M) {
	flag.Parse()
	beam.Init()
	log.SetupLogging("warn", "text")
	os.Exit(m.Run())
}

// texts returns a folder of plain texts and JSON lines.
func texts(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var lines, plain strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&lines, "{\"text\": \"line %d\"}\n", i*i)
		fmt.Fprintf(&plain, "%d and %d\n", i, i*i)
	}
	for name, text := range map[string]string{"a.jsonl": lines.String(), "b.txt": plain.String(), "c.txt": "short"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tree returns the files below a name.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, err := range store.Files(dir) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := store.ReadFile(store.Join(dir, name), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(b)
	}
	return all
}

// TestPack: on Prism, the files are the same byte for byte as those of pack.Pack, in a folder and in a store, with an
// existing tokenizer and with a learned one.
func TestPack(t *testing.T) {
	for _, j := range []Job{
		{Tokenizer: "gpt2", Out: filepath.Join(t.TempDir(), "packed")},
		{Tokenizer: "bpe:300", Out: "mem://beam/packed"},
	} {
		j.Corpus = corpus.Spec{Data: texts(t), Validation: 0.1}
		j.ShardTokens, j.ItemBytes = 5000, 9000
		x, err := Pack(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		text, err := corpus.Open(j.Corpus)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := tokenizer.Find(j.Tokenizer, text.Texts(false))
		if err != nil {
			t.Fatal(err)
		}
		training, validation := text.Parts()
		one := t.TempDir()
		y, err := pack.Pack(t.Context(), one, training[0], validation[0], tok, pack.Options{ShardTokens: j.ShardTokens, ItemBytes: j.ItemBytes})
		if err != nil {
			t.Fatal(err)
		}
		got, want := tree(t, j.Out), tree(t, one)
		if !maps.Equal(got, want) || x.Train.Tokens != y.Train.Tokens || len(want) < 8 {
			t.Errorf("%s: %q are not the bytes of one process, in %q", j.Tokenizer, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		if err := pack.Verify(j.Out); err != nil {
			t.Error(err)
		}
		if _, err := Pack(t.Context(), j); err == nil || err.Error() != j.Out+" already holds shards that were packed or joined; choose another folder" {
			t.Errorf("again: %v", err)
		}
	}
}

// TestErrors: an error on a worker is reported in one line, without Beam's stack traces.
func TestErrors(t *testing.T) {
	dir := texts(t)
	bad := filepath.Join(dir, "d.jsonl")
	if err := os.WriteFile(bad, []byte("{\"text\": \"good\"}\nbad\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := Pack(t.Context(), Job{Corpus: corpus.Spec{Data: dir}, Tokenizer: "bytes", Out: t.TempDir(), ItemBytes: 9000})
	if err == nil || !strings.HasPrefix(err.Error(), bad+":2: not a JSON object: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want the line of a record that is none", err)
	}
	if _, err := Pack(t.Context(), Job{Corpus: corpus.Spec{Data: dir + "/none"}, Tokenizer: "bytes"}); err == nil || err.Error() != dir+"/none: no such file or folder" {
		t.Error(err)
	}
	mix := []string{"1 " + dir, "1 " + dir}
	if _, err := Pack(t.Context(), Job{Corpus: corpus.Spec{Mix: mix}, Tokenizer: "bytes", Out: t.TempDir()}); err == nil || err.Error() != "beam: a mixture of 2 texts; want one: pack each by itself" {
		t.Error(err)
	}
}
