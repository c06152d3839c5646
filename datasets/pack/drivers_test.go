package pack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// tree returns the files below a name, except the parts.
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

// little returns a corpus like that of corpus, but of 200 kB.
func little() (train, val *datasets.Source) {
	var long strings.Builder
	for i := range 18_000 {
		fmt.Fprintf(&long, "%d and ", i*i)
	}
	return datasets.Text("train", "One.", "Two two.", long.String(), "<|endoftext|> is text"), datasets.Text("val", "Val.")
}

// small are options under which the corpus of little has many items, and shards end within items.
var small = Options{ShardTokens: 20_003, ItemBytes: 14_000}

// TestDrivers: a single process, any number of jobs in any order, and items encoded one by one as in Beam all give the
// same bytes, in folders and in an object store.
func TestDrivers(t *testing.T) {
	train, val := little()
	tok := gpt2(t)
	one := filepath.Join(t.TempDir(), "one")
	if _, err := Pack(t.Context(), one, train, val, tok, small); err != nil {
		t.Fatal(err)
	}
	want := tree(t, one)
	if len(want) < 8 || want["val_000000.bin"] == "" || want["train_000004.bin"] == "" {
		t.Fatalf("only %v", slices.Collect(maps.Keys(want)))
	}
	check := func(dir string) {
		t.Helper()
		if _, err := Join(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, dir); !maps.Equal(got, want) {
			t.Errorf("%s: %v are not the bytes of one process, in %v", dir, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		if err := Verify(dir); err != nil {
			t.Error(err)
		}
	}
	for _, n := range []int{1, 3, 50} { // of 50 jobs, some have nothing to do
		dir := filepath.Join(t.TempDir(), "array")
		if n == 3 {
			dir = "mem://drivers/array/packed"
		}
		for i := range n {
			i = n - 1 - i
			if _, err := PackShard(t.Context(), dir, train, val, tok, i, n, small); err != nil {
				t.Fatal(err)
			}
		}
		check(dir)
	}
	single := "mem://drivers/single"
	w, err := New(single, train, val, tok, small)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Begin(); err != nil {
		t.Fatal(err)
	}
	var parts []Part
	for i := range w.Items() {
		i = w.Items() - 1 - i
		for range 1 + i%2 { // encoded twice, as after a worker was lost
			p, err := w.Encode(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 || len(parts) == 0 || parts[len(parts)-1].Item != i {
				parts = append(parts, p)
			}
		}
	}
	if err := Finish(single, w.Identity(), parts[1:]); err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf("the part of item %d is missing", w.Items()-1)) {
		t.Errorf("without a part: %v", err)
	}
	if err := Finish(single, w.Identity(), parts); err != nil {
		t.Fatal(err)
	}
	check(single)

	// Shards do not depend on the items.
	other := t.TempDir()
	if _, err := Pack(t.Context(), other, train, val, tok, Options{ShardTokens: small.ShardTokens, ItemBytes: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	got := tree(t, other)
	delete(got, IndexFile)
	index := want[IndexFile]
	delete(want, IndexFile)
	if !maps.Equal(got, want) {
		t.Error("with one item, the shards are others")
	}
	want[IndexFile] = index
}

// TestShardAgain: a job that was stopped is resumed, and parts are kept as long as their text has not changed.
func TestShardAgain(t *testing.T) {
	train, val := little()
	tok := tokenizer.Bytes()
	dir := t.TempDir()
	o := small
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(p Progress) {
		if p.Tokens > 30_000 {
			cancel()
		}
	}
	if _, err := PackShard(ctx, dir, train, val, tok, 0, 2, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	_, err := Join(t.Context(), dir)
	if want := dir + ": shard 0/2 is not complete; run it again"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	first := partName(dir, 0)
	before, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := PackShard(t.Context(), dir, train, val, tok, 0, 2, small); err != nil {
			t.Fatal(err)
		}
		if now, err := os.Stat(first); err != nil || !now.ModTime().Equal(before.ModTime()) {
			t.Errorf("what was whole is written again: %v", err)
		}
	}
	if err := os.Truncate(first, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := PackShard(t.Context(), dir, train, val, tok, 0, 2, small); err != nil {
		t.Fatal(err)
	}
	if now, err := os.Stat(first); err != nil || now.Size() != before.Size() {
		t.Errorf("%v: what was cut short is not written again: %v", now, err)
	}
}

// TestJoinAgain: a join that was stopped after any shard can be continued, and gives the same bytes.
func TestJoinAgain(t *testing.T) {
	train, val := little()
	tok := tokenizer.Bytes()
	one := t.TempDir()
	if _, err := Pack(t.Context(), one, train, val, tok, small); err != nil {
		t.Fatal(err)
	}
	want := tree(t, one)
	dir := t.TempDir()
	if _, err := PackShard(t.Context(), dir, train, val, tok, 0, 1, small); err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		ctx := &ending{Context: t.Context(), left: 3 * n}
		if _, err := Join(ctx, dir); err == nil {
			break
		} else if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if n > 100 {
			t.Fatal("a join that is stopped does not go on")
		}
	}
	if got := tree(t, dir); !maps.Equal(got, want) {
		t.Error("not the bytes of one process")
	}
	if _, err := Join(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "no parts to join") {
		t.Errorf("joined already: %v", err)
	}
}

// ending is a context that is canceled after Err has been called a number of times.
type ending struct {
	context.Context
	left int
}

func (e *ending) Err() error {
	if e.left--; e.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestJoinErrors: parts that do not all belong to one complete job are refused with a one-line error, and nothing is
// lost.
func TestJoinErrors(t *testing.T) {
	train, val := little()
	tok := tokenizer.Bytes()
	dir := ""
	pack := func(train, val *datasets.Source, tok tokenizer.Tokenizer, i, n, tokens int) {
		t.Helper()
		if _, err := PackShard(t.Context(), dir, train, val, tok, i, n, Options{ShardTokens: tokens, ItemBytes: small.ItemBytes}); err != nil {
			t.Fatal(err)
		}
	}
	manifest := func(i, n int) string { return store.Join(dir, partsFolder, fmt.Sprintf("%05d-of-%05d.json", i, n)) }
	for what, c := range map[string]struct {
		spoil func()
		want  func() string
	}{
		"missing": {
			func() {},
			func() string { return dir + ": shard 1/4, 3/4 missing; run gorgpt pack --shard for each" },
		},
		"other number": {
			func() { pack(train, val, tok, 1, 5, 20_003) },
			func() string {
				return manifest(1, 5) + ": number of shards: 5, not 4 as in 00000-of-00004.json: parts with different settings cannot be joined"
			},
		},
		"other tokenizer": {
			func() { pack(train, val, gpt2(t), 1, 4, 20_003) },
			func() string {
				return manifest(1, 4) + ": tokenizer: gpt2, not bytes as in 00000-of-00004.json: parts with different settings cannot be joined"
			},
		},
		"other shards": {
			func() { pack(train, val, tok, 1, 4, 7) },
			func() string {
				return manifest(1, 4) + ": shard tokens: 7, not 20003 as in 00000-of-00004.json: parts with different settings cannot be joined"
			},
		},
		"other text": {
			func() { pack(train, nil, tok, 1, 4, 20_003) },
			func() string {
				return manifest(1, 4) + ": validation text: , not val as in 00000-of-00004.json: parts with different settings cannot be joined"
			},
		},
		"changed": {
			func() {
				pack(train, val, tok, 1, 4, 20_003)
				pack(train, val, tok, 3, 4, 20_003)
				b, err := os.ReadFile(partName(dir, 1))
				if err != nil {
					t.Fatal(err)
				}
				b[len(b)-1]++
				if err := os.WriteFile(partName(dir, 1), b, 0o666); err != nil {
					t.Fatal(err)
				}
			},
			func() string { return "000001.tokens: SHA-256 " },
		},
		"cut short": {
			func() {
				pack(train, val, tok, 1, 4, 20_003)
				pack(train, val, tok, 3, 4, 20_003)
				if err := os.Truncate(partName(dir, 2), 1000); err != nil {
					t.Fatal(err)
				}
			},
			func() string { return partName(dir, 2) + ": the file ends too soon: it was cut short" },
		},
		"gone": {
			func() {
				pack(train, val, tok, 1, 4, 20_003)
				pack(train, val, tok, 3, 4, 20_003)
				if err := os.Remove(partName(dir, 2)); err != nil {
					t.Fatal(err)
				}
			},
			func() string { return partName(dir, 2) + ": no such file or directory" },
		},
		"no JSON": {
			func() {
				if err := os.WriteFile(manifest(1, 4), []byte("{\n\"slice\": 1"), 0o666); err != nil {
					t.Fatal(err)
				}
			},
			func() string {
				return manifest(1, 4) + ": not a manifest of parts: line 2: unexpected end of JSON input"
			},
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir = t.TempDir()
			pack(train, val, tok, 0, 4, 20_003)
			pack(train, val, tok, 2, 4, 20_003)
			c.spoil()
			_, err := Join(t.Context(), dir)
			if err == nil || !strings.Contains(err.Error(), c.want()) {
				t.Errorf("error %v\nwant  %s", err, c.want())
			}
			if err := Verify(dir); err == nil {
				t.Error("verified")
			}
			if _, err := os.Stat(partName(dir, 0)); err != nil {
				t.Error(err)
			}
			if x, err := Read(dir); err == nil && (x.Train.Complete || Verify(dir) == nil) {
				t.Error("a folder that could not be joined is complete")
			}
		})
	}
}

// TestVersion1: a folder written by a gorgpt that cut the text differently is read and verified, but not resumed.
func TestVersion1(t *testing.T) {
	train, val := little()
	dir := t.TempDir()
	if _, err := Pack(t.Context(), dir, train, val, tokenizer.Bytes(), Options{}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, IndexFile)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(strings.ReplaceAll(string(b), `"item":`, `"batch":`), `"version": 2`, `"version": 1`, 1)
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Verify(dir); err != nil {
		t.Error(err)
	}
	_, err = Pack(t.Context(), dir, train, val, tokenizer.Bytes(), Options{})
	if want := dir + " was packed by an earlier gorgpt, which split the text differently; choose another folder"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestFolders: array jobs and whole runs do not write into each other's folders, nor into unrelated ones.
func TestFolders(t *testing.T) {
	train, val := little()
	tok := tokenizer.Bytes()
	dir := t.TempDir()
	if _, err := PackShard(t.Context(), dir, train, val, tok, 1, 2, small); err != nil {
		t.Fatal(err)
	}
	_, err := Pack(t.Context(), dir, train, val, tok, small)
	if want := dir + " has parts of gorgpt pack --shard: join them, or choose another folder"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := Verify(dir); err == nil || err.Error() != dir+": shard 0/2 missing; run gorgpt pack --shard for each" {
		t.Error(err)
	}
	if _, err := PackShard(t.Context(), dir, train, val, tok, 0, 2, small); err != nil {
		t.Fatal(err)
	}
	if err := Verify(dir); err == nil || !strings.HasPrefix(err.Error(), dir+": all parts are complete but not joined yet; ") {
		t.Error(err)
	}
	if _, err := Join(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	_, err = PackShard(t.Context(), dir, train, val, tok, 1, 2, small)
	if want := dir + " already holds shards that were packed or joined; choose another folder"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "letters"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = PackShard(t.Context(), other, train, val, tok, 1, 2, small)
	if want := other + " has letters in it, which is not part of a packed corpus; choose another folder"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	for _, n := range [][2]int{{2, 2}, {-1, 2}, {0, 0}, {0, 100_000}} {
		if _, err := PackShard(t.Context(), t.TempDir(), train, val, tok, n[0], n[1], small); err == nil || !strings.HasPrefix(err.Error(), "slice ") {
			t.Errorf("%v: %v", n, err)
		}
	}
}

// FuzzParseManifest reads any bytes as a manifest.
func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"version": 2, "vocabulary": 5, "shard_tokens": 7, "val_items": 0, "train_items": 1, "slice": 0, "of": 1, "parts": [{"item": 0, "tokens": 3}], "complete": true}`))
	f.Add([]byte(`{"version": 2, "vocabulary": 5, "shard_tokens": 7, "train_items": 9223372036854775807, "val_items": 1, "of": 1}`))
	f.Add([]byte(`{"version": 2, "slice": 3, "of": 2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err != nil {
			return
		}
		if m.Slice < 0 || m.Slice >= m.Of || m.Complete && len(m.Parts) != (m.ValItems+m.TrainItems-m.Slice+m.Of-1)/m.Of {
			t.Errorf("slice %d of %d with %d parts", m.Slice, m.Of, len(m.Parts))
		}
	})
}
