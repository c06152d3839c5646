package datasets

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// copied copies a folder to a bucket in memory and returns its URL.
func copied(t *testing.T, dir string) (url string) {
	t.Helper()
	url = "mem://" + strings.ReplaceAll(t.Name(), "/", "-") + "/below?of=it"
	for name, err := range store.Files(dir) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Write(store.Join(url, name), b); err != nil {
			t.Fatal(err)
		}
	}
	return url
}

// zoo returns a folder with files of every kind, including those that are left out.
func zoo(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(strings.Repeat("zipped text ", 9000)))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&lines, "{\"text\": \"line %d of many\"}\n", i*i)
	}
	for name, text := range map[string]string{
		"a.txt": "first", "a/b.txt": "below a", "a/c/d.jsonl": lines.String(), "b.txt.gz": zipped.String(), "c.parquet": parquetFile(t, []string{"row one", "row two"}),
		"e.txt": strings.Repeat("long enough for several ranges. ", 9000), "empty.txt": "", ".hidden": "x", ".git/x": "x", "binary": "a\x00b", "t.csv": "a,b\n",
		"run/recipe.toml": "x", "run/metrics.jsonl": "{}\n", "run/samples.txt": "x", "run/checkpoints/latest": "x",
		"model/config.json": "{}", "model/model.safetensors": "x", "model/README.md": "x",
	} {
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

// TestRemote: files in a bucket are found, left out, split and read as they are in a folder.
func TestRemote(t *testing.T) {
	dir := zoo(t)
	url := copied(t, dir)
	tok := tokenizer.Bytes()
	for _, spec := range []string{"", "a.txt", "a", "*.txt", "**/*.txt", "a/*", "a/*/*.jsonl", "c.parquet", "b.txt.gz", "*", ".h*", "[ab].txt"} {
		local, err := Open(filepath.Join(dir, spec))
		if err != nil {
			t.Fatal(err)
		}
		remote, err := Open(store.Join(url, spec))
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		names := func(s *Source) (all []string) {
			for _, d := range s.Documents() {
				all = append(all, fmt.Sprint(d.Name, " ", d.Size))
			}
			return all
		}
		if !slices.Equal(names(remote), names(local)) || remote.LeftOut() != local.LeftOut() {
			t.Errorf("%s: %v, left out %s;\nwant %v, %s", spec, names(remote), remote.LeftOut(), names(local), local.LeftOut())
		}
		want, ends := encodedTexts(t, tok, Section{local})
		for _, size := range []int64{1 << 30, 20_000} {
			if got, n := encodedTexts(t, tok, Sections(remote, tok, size)...); !slices.Equal(got, want) || n != ends {
				t.Errorf("%s: %d tokens of %d texts, want %d of %d", spec, len(got), n, len(want), ends)
			}
		}
	}
	train, _, err := Split(mustOpen(t, url), 0.2)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := Split(mustOpen(t, dir), 0.2)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Batch: 3, Context: 50, Seed: 5, Buffer: 5000}
	if got, want := drawn(t, train, c), drawn(t, other, c); !slices.Equal(got, want) {
		t.Error("other batches are drawn")
	}
}

func mustOpen(t *testing.T, spec string) *Source {
	t.Helper()
	src, err := Open(spec)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// drawn returns the tokens of some batches.
func drawn(t *testing.T, src *Source, c Config) (ids []int) {
	t.Helper()
	s, err := NewTraining(src, tokenizer.Bytes(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 20 {
		b, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range b.Tokens {
			ids = append(ids, int(id))
		}
	}
	return ids
}

// TestRemoteShards: token shards in a bucket are read a range at a time, and the tokenizer beside them is found.
func TestRemoteShards(t *testing.T) {
	dir := t.TempDir()
	ids := make([]int, 100_000)
	for i := range ids {
		ids[i] = i % 251
	}
	for _, name := range []string{"train_000000.bin", "val_000000.bin"} {
		w, err := shard.Create(filepath.Join(dir, name), shard.GPT2, len(ids))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(ids); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, shard.IndexFile), []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := tokenizer.Bytes().Save(filepath.Join(dir, shard.TokenizerFolder)); err != nil {
		t.Fatal(err)
	}
	url := copied(t, dir)
	remote, local := mustOpen(t, url), mustOpen(t, dir)
	if got := remote.Tokenizers(); len(got) != 1 || got[0] != store.Join(url, shard.TokenizerFolder) {
		t.Errorf("tokenizers %v", got)
	}
	if tok, err := tokenizer.Find(remote.Tokenizers()[0], nil); err != nil || tok.Size() != tokenizer.Bytes().Size() {
		t.Errorf("tokenizer %v, %v", tok, err)
	}
	c := Config{Batch: 3, Context: 50, Seed: 5, Buffer: 5000}
	if got, want := drawn(t, remote, c), drawn(t, local, c); !slices.Equal(got, want) {
		t.Error("other batches are drawn")
	}
}

// TestRemoteErrors: an object that does not exist or has no text is a one-line error with its URL.
func TestRemoteErrors(t *testing.T) {
	url := copied(t, zoo(t))
	for _, c := range []struct{ spec, want string }{
		{store.Join(url, "none"), "$: no such object, and no objects with this prefix"},
		{store.Join(url, "*.none"), "$: no object matches"},
		{store.Join(url, "["), "$: not a valid glob"},
		{store.Join(url, "empty.txt"), "$: the file is empty"},
		{store.Join(url, "run"), "$: this is the directory of a run, which has no text to read; to read a file in it, name the file"},
		{store.Join(url, "model"), "$: this is a model, which has no text to read; to read a file in it, name the file"},
		{store.Join(url, "*.csv"), store.Join(url, "t.csv") + ": a table, not text: convert it to JSON lines, with the text in the field \"text\" (pandas: to_json(…, orient=\"records\", lines=True)); gorgpt finetune reads tables as they are"},
		{"s4://b/x", "$: no driver for s4 is linked in, only for file, mem; to get s3 and gs, build gorgpt with go build -C cloud ./cmd/gorgpt"},
		{"mem://never/x", "$: no such object, and no objects with this prefix"},
	} {
		want := strings.Replace(c.want, "$", c.spec, 1)
		if _, err := Open(c.spec); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	long := store.Join(url, "e.txt")
	src := mustOpen(t, long)
	if err := store.Write(long, []byte("cut short")); err != nil {
		t.Fatal(err)
	}
	for _, err := range tokenizer.Batches(tokenizer.Bytes(), src.Texts(), 1<<20) {
		if want := long + ": shorter than 288000 bytes: it was changed after it was opened"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
