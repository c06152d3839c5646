package datasets

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// descriptors returns the number of files that this process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// mappings returns the number of memory mappings of a file in this process.
func mappings(t testing.TB, path string) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(maps), path)
}

// TestNothingLeftOpen: files are closed and unmapped, even after errors.
func TestNothingLeftOpen(t *testing.T) {
	texts := stories(50)
	whole := parquetFile(t, texts)
	dir := write(t, map[string]string{
		"a.txt": strings.Join(texts, ""), "b.jsonl": jsonl("text", texts), "c.jsonl.gz": gzipped(t, jsonl("text", texts)),
		"d.txt.zst": zstandard(t, strings.Join(texts, "")), "e.parquet": whole, "f.bin": tokenShard(make([]int, 5000)...), "g.json": jsonl("text", texts),
		"bad.parquet": "PAR1, but nothing after it", "damaged.parquet": whole[:300] + strings.Repeat("\xff", 300) + whole[600:],
		"bad.bin": tokenShard(1, 2, 3)[:1028], "odd.bin": "123", "bad.jsonl.gz": "no gzip", "cut.txt.gz": gzipped(t, strings.Join(texts, ""))[:40],
		"p.parquet": pointer, "p.txt.gz": pointer, "list.json": "[\n]", "ids.bin": tokenShard(1, 2, 300, 4, 5, 6, 7, 8),
	})
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range names {
		path := filepath.Join(dir, entry.Name())
		before := descriptors(t)
		failed := firstError(t, path) != io.EOF
		if s, err := Open(path); err == nil {
			for _, r := range s.Texts() {
				_, err := io.ReadAll(r)
				failed = failed || err != nil
			}
			if stream, err := NewTraining(s, bytesTokenizer, Config{Batch: 1, Context: 4}); err == nil {
				for range 40 {
					_, err := stream.Next(context.Background())
					failed = failed || err != nil
				}
				if err := stream.Close(); err != nil {
					t.Error(err)
				}
			} else {
				failed = true
			}
		}
		if after := descriptors(t); after != before {
			t.Errorf("%s: %d files are left open", entry.Name(), after-before)
		}
		if n := mappings(t, path); n != 0 {
			t.Errorf("%s is left mapped %d times", entry.Name(), n)
		}
		if bad := strings.Contains("bad.parquet damaged.parquet bad.bin odd.bin bad.jsonl.gz cut.txt.gz p.parquet p.txt.gz list.json ids.bin f.bin", entry.Name()); failed != bad {
			t.Errorf("%s: an error: %v, want %v", entry.Name(), failed, bad)
		}
	}
	// This shard shrinks after it was opened.
	path := filepath.Join(dir, "f.bin")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 2000); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	if _, err := s.docs[0].read(); err == nil || !strings.Contains(err.Error(), "shorter than 11024 bytes: it was changed after it was opened") {
		t.Errorf("error %v", err)
	}
	if n := mappings(t, path) + descriptors(t) - before; n != 0 {
		t.Errorf("%d mappings and files are left of the shard that shrank", n)
	}
}

// TestInflatedBackAndForth reads a compressed text at offsets within, before and after the part that is kept in memory,
// and across the end of the buffer.
func TestInflatedBackAndForth(t *testing.T) {
	var b strings.Builder
	for i := 0; b.Len() < 7*inflatedTail; i++ {
		b.WriteString(strings.Repeat(string(rune('a'+i%26)), 1+i%7))
		b.WriteByte(byte(i >> 8))
		b.WriteByte(byte(i))
	}
	text := b.String()
	for name, content := range map[string]string{"x.txt.gz": gzipped(t, text[:1000]) + gzipped(t, text[1000:]), "x.txt.zst": zstandard(t, text)} {
		c := &inflated{path: filepath.Join(write(t, map[string]string{name: content}), name)}
		const tail = inflatedTail
		for _, r := range []struct{ at, n int }{
			{0, 10}, {tail - 5, 10}, {2*tail - 5, 10}, {2 * tail, tail}, {tail + 1, 100}, // back, within the part that is kept
			{3*tail - 1, 2*tail + 3}, {4 * tail, tail}, {3 * tail, 5}, {0, 3}, {6*tail + 7, 3*tail/4 - 9}, {5 * tail, tail}, {len(text) - 1, 1}, {len(text) - tail, tail}, {1, 1},
		} {
			got := make([]byte, r.n)
			if n, err := c.ReadAt(got, int64(r.at)); n != r.n || err != nil || string(got) != text[r.at:r.at+r.n] {
				t.Errorf("%s: %d bytes at %d: %d, %v, or others than the text has", name, r.n, r.at, n, err)
			}
		}
		got := make([]byte, 10)
		if n, err := c.ReadAt(got, int64(len(text))-4); n != 4 || err != io.EOF || string(got[:4]) != text[len(text)-4:] {
			t.Errorf("%s: over the end: %d, %v", name, n, err)
		}
		if n, err := c.ReadAt(got, int64(len(text))+1000); n != 0 || err != io.EOF {
			t.Errorf("%s: past the end: %d, %v", name, n, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// failingTokenizer fails once fails is set.
type failingTokenizer struct {
	tokenizer.Tokenizer
	fails bool
}

var errTold = errors.New("told to fail")

func (f *failingTokenizer) Append(ids []int, text []byte) ([]int, error) {
	if f.fails {
		return nil, errTold
	}
	return f.Tokenizer.Append(ids, text)
}

func (f *failingTokenizer) AppendText(text []byte, ids []int) ([]byte, error) {
	if f.fails {
		return nil, errTold
	}
	return f.Tokenizer.AppendText(text, ids)
}

// TestStreamErrors: every method that meets an error of the text or the tokenizer returns it, and the stream stays where
// it was.
func TestStreamErrors(t *testing.T) {
	tok := &failingTokenizer{Tokenizer: bytesTokenizer}
	src := counting(700, 30, 200)
	c := Config{Batch: 2, Context: 8, Seed: 5, Buffer: 64}
	s := mustStream(t, training, src, tok, c)
	twin := mustStream(t, training, src, bytesTokenizer, c)
	state := mustState(t, s)
	next(t, s)
	tok.fails = true
	var failed error
	for range 200 {
		if _, failed = s.Next(t.Context()); failed != nil {
			break
		}
	}
	if !errors.Is(failed, errTold) {
		t.Fatalf("Next: %v", failed)
	}
	after := mustState(t, s)
	if err := s.Restore(state); !errors.Is(err, errTold) {
		t.Errorf("Restore: %v", err)
	}
	if string(mustState(t, s)) != string(after) {
		t.Error("the stream moved by a Restore that failed")
	}
	if _, err := NewTraining(src, tok, c); !errors.Is(err, errTold) {
		t.Errorf("NewTraining: %v", err)
	}
	tok.fails = false
	if err := twin.Restore(after); err != nil {
		t.Fatal(err)
	}
	if !equalBatches(rest(t, s, 5), rest(t, twin, 5)) {
		t.Error("other batches after an error")
	}
}

// stuck is a stream whose State fails.
type stuck struct{ Stream }

func (stuck) State() ([]byte, error) { return nil, errTold }

// TestStateErrors: State returns the error of a stream inside another.
func TestStateErrors(t *testing.T) {
	src := counting(700, 30, 200)
	c := Config{Batch: 1, Context: 8, Seed: 5}
	one, two := mustStream(t, training, src, bytesTokenizer, c), mustStream(t, training, src, bytesTokenizer, c)
	m, err := Mix(2, 1, Part{Stream: one, Weight: 1}, Part{Stream: stuck{two}, Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.State(); !errors.Is(err, errTold) {
		t.Errorf("Mix: %v", err)
	}
	p := Prefetch(stuck{mustStream(t, training, src, bytesTokenizer, c)}, 2)
	defer p.Close()
	if _, err := p.State(); !errors.Is(err, errTold) {
		t.Errorf("Prefetch: %v", err)
	}
	if _, err := p.Next(t.Context()); !errors.Is(err, errTold) {
		t.Errorf("Prefetch.Next, which cannot tell the position after it: %v", err)
	}
}
