package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeLines writes a file of JSON lines, of which those in bad are invalid.
func writeLines(t *testing.T, path string, lines int, bad ...int) {
	t.Helper()
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "{\"text\": %q}\n", fmt.Sprintf("line %d of %s", i, longText(uint64(i), 5)))
	}
	text := b.String()
	for _, i := range bad {
		text = strings.Replace(text, fmt.Sprintf("{\"text\": \"line %d of", i), fmt.Sprintf("{\"text\": \"line %d \xff of\", ", i), 1)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestHalted: a run stopped by a bad record can be resumed once the record is skipped or repaired, and continues as if
// the text had been like that from the start. It cannot be resumed if text that was already read has changed.
func TestHalted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.jsonl")
	const lines, bad = 400, 300
	for _, c := range []struct {
		name string
		open func(s *Source) Stream
	}{
		{"blocks", func(s *Source) Stream {
			return mustStream(t, training, s, bytesTokenizer, Config{Batch: 2, Context: 16, Seed: 3, Buffer: 500, Anywhere: true})
		}},
		{"ahead, split", func(s *Source) Stream {
			s, _, err := Split(s, 0.2)
			if err != nil {
				t.Fatal(err)
			}
			return Prefetch(mustStream(t, training, s, bytesTokenizer, Config{Batch: 2, Context: 16, Seed: 3, Buffer: 700}), 3)
		}},
		{"mixture", func(s *Source) Stream {
			one := mustStream(t, training, s, bytesTokenizer, Config{Batch: 1, Context: 16, Seed: 3, Buffer: 500})
			two := mustStream(t, training, Text("b", longText(1, 500)), bytesTokenizer, Config{Batch: 1, Context: 16})
			m, err := Mix(2, 1, Part{one, 3}, Part{two, 1})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			open := func(options ...Option) Stream {
				src, err := Open(path, options...)
				if err != nil {
					t.Fatal(err)
				}
				s := c.open(src)
				t.Cleanup(func() { s.Close() })
				return s
			}
			writeLines(t, path, lines, bad)
			s := open()
			done := 0
			for ; done < 10_000; done++ {
				if _, err := s.Next(t.Context()); err != nil {
					if !strings.HasPrefix(err.Error(), fmt.Sprintf("%s:%d: ", path, bad+1)) {
						t.Fatal(err)
					}
					break
				}
			}
			if done < 20 || done == 10_000 {
				t.Fatalf("%d batches before the error", done)
			}
			state := mustState(t, s)
			same := func(what string, options ...Option) {
				t.Helper()
				whole := open(options...)
				rest(t, whole, done)
				want := rest(t, whole, 200)
				got := open(options...)
				if err := got.Restore(Halted(state)); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if !equalBatches(rest(t, got, 200), want) {
					t.Errorf("%s: other batches than from the start", what)
				}
				if strings.Contains(string(mustState(t, got)), "halted") {
					t.Errorf("%s: still halted", what)
				}
			}
			same("skipped", SkipBad())
			writeLines(t, path, lines+10) // repaired, and longer
			same("mended")
			if err := open().Restore(state); err == nil || !strings.Contains(err.Error(), "corpus is ") {
				t.Errorf("a changed text is no error for a run that was not halted: %v", err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[20] = 'X' // in the first line
			if err := os.WriteFile(path, b, 0o666); err != nil {
				t.Fatal(err)
			}
			want := "state of batches: text that was already read has changed, in or before " + path
			if err := open().Restore(Halted(state)); err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("error %v\nwant  …%s", err, want)
			}
		})
	}
}

// TestHaltedInTheBlock: a change within the current block of the run is detected too.
func TestHaltedInTheBlock(t *testing.T) {
	text := longText(1, 2000)
	c := Config{Batch: 2, Context: 16, Seed: 3}
	s := mustStream(t, training, Text("a", text), bytesTokenizer, c)
	rest(t, s, 3)
	state := Halted(mustState(t, s))
	for at, want := range map[int]string{
		len(text) - 1: "state of batches: text that was already read has changed, in or before a[0]",
		0:             "state of batches: text that was already read has changed, in or before a[0]",
	} {
		other := Text("a", text[:at]+"X"+text[at+1:])
		if err := mustStream(t, training, other, bytesTokenizer, c).Restore(state); err == nil || err.Error() != want {
			t.Errorf("byte %d: error %v\nwant  %s", at, err, want)
		}
	}
	// With a shorter text, some of the text already trained on would be used for validation.
	long := longText(1, 2000)
	part := func(text string) Stream {
		train, _, err := Split(Text("a", text), 0.1)
		if err != nil {
			t.Fatal(err)
		}
		return mustStream(t, training, train, bytesTokenizer, Config{Batch: 2, Context: 16, Buffer: 100})
	}
	short := part(long)
	rest(t, short, 3)
	state = Halted(mustState(t, short))
	if err := part(long[:len(long)-500]).Restore(state); err == nil || !strings.HasPrefix(err.Error(), "state of batches: corpus is ") {
		t.Errorf("a shorter text: %v", err)
	}
	if err := part(long[:len(long)-500] + strings.Repeat("x", 500)).Restore(state); err != nil {
		t.Errorf("a text of the same length: %v", err)
	}
	if other := []byte("12345678"); string(Halted(other)) != string(other) {
		t.Error("a state of another stream is not returned as it is")
	}
}

// TestEveryByte: in a text of up to half a gigabyte, a change of any byte is refused, but a change of a file's
// modification time is not.
func TestEveryByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	text := []byte(strings.Repeat("twelve bytes", 26_000)) // 312 kB, a fourth of which is in samples
	open := func() Stream {
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		src, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return mustStream(t, training, src, bytesTokenizer, Config{Batch: 1, Context: 8, Buffer: 1000})
	}
	s := open()
	rest(t, s, 2)
	state := mustState(t, s)
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := open().Restore(state); err != nil {
		t.Errorf("the same text at another time: %v", err)
	}
	for _, at := range []int{1500, 100_000, 200_001, 311_999} {
		text[at]++
		if err := open().Restore(state); err == nil || !strings.HasPrefix(err.Error(), "state of batches: ") {
			t.Errorf("byte %d changed: %v", at, err)
		}
		text[at]--
	}
}
