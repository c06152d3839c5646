package pack

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// corpus returns short texts and one of several batches.
func corpus() (train, val *datasets.Source) {
	var long strings.Builder
	for i := range 120_000 {
		fmt.Fprintf(&long, "%d and ", i*i)
	}
	return datasets.Text("train", "One.", "Two two.", long.String(), "<|endoftext|> is text"), datasets.Text("val", "Val.")
}

// expected returns the tokens of a source.
func expected(t *testing.T, src *datasets.Source, tok tokenizer.Tokenizer) []int {
	t.Helper()
	end, ends := tok.EndOfText()
	var ids []int
	for _, r := range src.Texts() {
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if ids, err = tok.Append(ids, text); err != nil {
			t.Fatal(err)
		}
		if ends {
			ids = append(ids, end)
		}
	}
	return ids
}

// tokens reads the shards of a split.
func tokens(t *testing.T, dir string, s Split) []int {
	t.Helper()
	var ids []int
	for _, one := range s.Shards {
		b, err := os.ReadFile(filepath.Join(dir, one.File))
		if err != nil {
			t.Fatal(err)
		}
		if n := binary.LittleEndian.Uint32(b[8:]); int(n) != one.Tokens {
			t.Errorf("%s: %d tokens in the header, %d in the index", one.File, n, one.Tokens)
		}
		wide := binary.LittleEndian.Uint32(b) == shard.Llama.Magic
		for b = b[shard.HeaderBytes:]; len(b) > 0; {
			if wide {
				ids, b = append(ids, int(binary.LittleEndian.Uint32(b))), b[4:]
			} else {
				ids, b = append(ids, int(binary.LittleEndian.Uint16(b))), b[2:]
			}
		}
	}
	return ids
}

func gpt2(t *testing.T) tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.GPT2()
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// files returns the files in a folder, without the tokenizer.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	names, err := filepath.Glob(dir + "/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = string(b)
	}
	return all
}

func TestPack(t *testing.T) {
	train, val := corpus()
	big, err := tokenizer.AddSpecials(gpt2(t), specials(20_000)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range []tokenizer.Tokenizer{gpt2(t), tokenizer.Bytes(), big} {
		dir := filepath.Join(t.TempDir(), "new", "packed")
		var last Progress
		o := Options{ShardTokens: 300_000, Progress: func(p Progress) { last = p }}
		x, err := Pack(t.Context(), dir, train, val, tok, o)
		if err != nil {
			t.Fatal(err)
		}
		want := expected(t, train, tok)
		if got := tokens(t, dir, x.Train); !slices.Equal(got, want) {
			t.Errorf("%s: %d training tokens, want %d", tok.Name(), len(got), len(want))
		}
		if got := tokens(t, dir, x.Val); !slices.Equal(got, expected(t, val, tok)) {
			t.Errorf("%s: validation tokens %v", tok.Name(), got)
		}
		if x.Train.Tokens != int64(len(want)) || x.Train.Bytes != train.Size() || x.Train.Texts != 4 || !x.Train.Complete {
			t.Errorf("%s: %d tokens, %d bytes, %d texts", tok.Name(), x.Train.Tokens, x.Train.Bytes, x.Train.Texts)
		}
		if n := (len(want) + 299_999) / 300_000; len(x.Train.Shards) != n || n < 3 {
			t.Errorf("%s: %d shards, want %d", tok.Name(), len(x.Train.Shards), n)
		}
		if want := (Progress{train.Size() + val.Size(), x.Train.Tokens + x.Val.Tokens}); last != want {
			t.Errorf("%s: last progress %v, want %v", tok.Name(), last, want)
		}
		if err := Verify(dir); err != nil {
			t.Error(err)
		}
		if again, err := tokenizer.Load(filepath.Join(dir, TokenizerFolder)); err != nil || again.Size() != tok.Size() {
			t.Errorf("tokenizer: %v, %v", again, err)
		}
		src, err := datasets.Open(dir + "/train_*.bin")
		if err != nil || !strings.Contains(src.String(), fmt.Sprintf("%d files", len(x.Train.Shards))) {
			t.Errorf("package datasets reads %v, %v", src, err)
		}
	}
}

// TestRestart stops the work at many places, damages files, and resumes it: the files are the same as those of an
// uninterrupted run.
func TestRestart(t *testing.T) {
	train, val := corpus()
	tok := gpt2(t)
	whole := t.TempDir()
	o := Options{ShardTokens: 200_001}
	if _, err := Pack(t.Context(), whole, train, val, tok, o); err != nil {
		t.Fatal(err)
	}
	want := files(t, whole)

	dir := filepath.Join(t.TempDir(), "packed")
	for step, stop := range []int64{1, 200_002, 400_000, 500_000, 0} {
		ctx, cancel := context.WithCancel(t.Context())
		o.Progress = func(p Progress) {
			if stop > 0 && p.Tokens >= stop {
				cancel()
			}
		}
		_, err := Pack(ctx, dir, train, val, tok, o)
		cancel()
		if stop > 0 != errors.Is(err, context.Canceled) {
			t.Fatalf("stop after %d tokens: %v", stop, err)
		}
		if step == 2 { // as after a crash or on a bad disk
			if err := os.WriteFile(filepath.Join(dir, "train_000001.bin"), []byte("spoilt"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := files(t, dir)
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %d bytes, want the %d of an uninterrupted run", name, len(got[name]), len(want[name]))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}

	// On one processor, and a second time over a complete folder.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	single := t.TempDir()
	for range 2 {
		if _, err := Pack(t.Context(), single, train, val, tok, Options{ShardTokens: 200_001}); err != nil {
			t.Fatal(err)
		}
	}
	if got := files(t, single); got["train_000002.bin"] != want["train_000002.bin"] || got[IndexFile] != want[IndexFile] {
		t.Error("one processor packs something else")
	}
}

func TestErrors(t *testing.T) {
	train, val := corpus()
	dir := t.TempDir()
	pack := func(dir string, train, val *datasets.Source, tok tokenizer.Tokenizer, n int) error {
		_, err := Pack(t.Context(), dir, train, val, tok, Options{ShardTokens: n})
		return err
	}
	check := func(err error, want string) {
		t.Helper()
		if err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
	tok := tokenizer.Bytes()
	if err := pack(dir, val, nil, tok, 3); err != nil {
		t.Fatal(err)
	}
	check(pack(dir, train, val, tok, 3), dir+" was begun with a different corpus, tokenizer or shard size; choose another folder")
	check(pack(dir, val, nil, tok, 4), dir+" was begun with a different corpus, tokenizer or shard size; choose another folder")
	check(pack(t.TempDir(), val, nil, tok, -1), "shards of -1 tokens: want 1 to 2147483647")
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "a"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	check(pack(full, val, nil, tok, 3), full+" is not empty and has no pack.json; choose another folder")
	chars, err := tokenizer.NewChars(strings.NewReader("Val"))
	if err != nil {
		t.Fatal(err)
	}
	check(pack(t.TempDir(), val, nil, chars, 3), "val[0]: offset 3: character '.' (U+002E) is not in the vocabulary of 3 characters")

	first := filepath.Join(dir, "train_000000.bin")
	b, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b[1024]++
	if err := os.WriteFile(first, b, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Verify(dir); err == nil || !strings.HasSuffix(err.Error(), ": the file was changed") {
		t.Errorf("changed: %v", err)
	}
	if err := os.WriteFile(first, b[:1025], 0o666); err != nil {
		t.Fatal(err)
	}
	check(Verify(dir), first+": 1025 bytes, want 1030 for 3 tokens")
}

func specials(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("<%d>", i)
	}
	return all
}

// FuzzParse reads any bytes as an index.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version": 1, "train": {"shards": [{"file": "train_000000.bin", "tokens": 1}]}}`))
	f.Add([]byte(`{"version": 1, "val": {"shards": [{"file": "../../x", "tokens": -1}]}}`))
	f.Add([]byte(`{"version": 2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := parse(b)
		if err != nil {
			return
		}
		for _, s := range append(x.Train.Shards, x.Val.Shards...) {
			if filepath.Base(s.File) != s.File || s.Tokens < 0 {
				t.Errorf("shard %v", s)
			}
		}
		if _, err := json.Marshal(x); err != nil {
			t.Error(err)
		}
	})
}

func ExamplePack() {
	dir, err := os.MkdirTemp("", "pack")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	tok, err := tokenizer.GPT2()
	if err != nil {
		log.Fatal(err)
	}
	train := datasets.Text("poems", "The sea is blue.", "The sky is too.")
	x, err := Pack(context.Background(), filepath.Join(dir, "poems"), train, nil, tok, Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range x.Train.Shards {
		fmt.Println(s.File, s.Tokens)
	}
	// Output: train_000000.bin 12
}
