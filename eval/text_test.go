package eval

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// odd returns a text of several pieces with marks that detokenizers undo, long lines, and white space and characters
// of all kinds.
func odd(size int) string {
	words := strings.Fields(`the " no ; never " @-@ @,@ 1 2 n't 's ' ( [ ] ) -LRB- -RRB- '' , . $ £ é € 😀 actors = N house ll 've`)
	words = append(words, "`` a", " \n ", "\n", "\u00a0", "\u2028", "\x1f", "\t", "  ")
	random := rand.New(rand.NewPCG(uint64(size), 1))
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(words[random.IntN(len(words))])
		if random.IntN(5) > 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// TestTokensInPieces: a text read in pieces has the same tokens, words and bytes as when it is read as a
// whole, with every detokenizer.
func TestTokensInPieces(t *testing.T) {
	gpt2, err := tokenizer.GPT2()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"odd": odd(5 << 18), "one line": strings.ReplaceAll(odd(5000), "\n", " "), "empty": "", "short": "a \" b \" c"} {
		path := filepath.Join(t.TempDir(), "text")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		file, _, err := openText(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range detokenizers {
			if !d.byLine && len(text) > piece {
				continue // it is read as a whole, which is slow
			}
			whole := []byte(d.apply(text))
			for _, tok := range []tokenizer.Tokenizer{tokenizer.Bytes(), gpt2} {
				if tok == gpt2 && d.name == "ptb" {
					continue // to save time
				}
				counter := textCounter{split: true}
				var got []int
				for ids, err := range file.tokens(tok, d, &counter) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, ids...)
				}
				want, err := tok.Append(nil, whole)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, %s, %s: %d tokens, want %d", name, d.name, tok.Name(), len(got), len(want))
				}
				if counter.size != len(text) || counter.words() != len(strings.FieldsFunc("."+text+".", isSpace)) {
					t.Errorf("%s, %s: %d bytes, %d words", name, d.name, counter.size, counter.words())
				}
			}
		}
	}
}

// TestTextCounter: the count of words does not depend on how the text is split into parts, and with-line-ends counts
// the words of strings.Fields.
func TestTextCounter(t *testing.T) {
	text := odd(5000) + "\xff\xe2\x82 x\xe2\x82"
	for part := 1; part < 9; part++ {
		for _, split := range []bool{false, true} {
			c := textCounter{split: split}
			for at := 0; at < len(text); at += part {
				io.WriteString(&c, text[at:min(len(text), at+part)])
			}
			want := len(strings.Fields(text)) + strings.Count(text, "\n")
			if split {
				want = len(strings.FieldsFunc("."+text+".", isSpace))
			}
			if got := c.words(); got != want || c.size != len(text) {
				t.Errorf("parts of %d, split %v: %d words in %d bytes, want %d in %d", part, split, got, c.size, want, len(text))
			}
		}
	}
	for text, want := range map[string][2]int{"": {0, 1}, " ": {0, 2}, "a": {1, 1}, "a\n": {2, 2}, " a b ": {2, 4}, "a\x1fb": {1, 2}, "\n\n": {2, 2}} {
		words, _ := (&textCounter{}).text(text)
		split, _ := (&textCounter{split: true}).text(text)
		if got := [2]int{words, split}; got != want {
			t.Errorf("%q: %v words, want %v", text, got, want)
		}
	}
}

// TestStreamAt: a window that moves over a stream sees the same tokens as one that moves over a list.
func TestStreamAt(t *testing.T) {
	all := make([]int, 1000)
	for i := range all {
		all[i] = i
	}
	random := rand.New(rand.NewPCG(1, 1))
	next, stop := iter.Pull2(func(yield func([]int, error) bool) {
		part := make([]int, 0, 40) // its memory is reused
		for at := 3; at < len(all); at += len(part) {
			part = append(part[:0], all[at:min(len(all), at+random.IntN(40))]...)
			if !yield(part, nil) {
				return
			}
		}
	})
	defer stop()
	s := &stream{next: next, ids: []int{0, 1, 2}}
	from, to := 0, 0
	for to < len(all) {
		from += random.IntN(30)
		to = min(len(all), max(to, from)+random.IntN(50))
		from = min(from, to)
		got, err := s.at(from, to)
		if err != nil || !slices.Equal(got, all[from:to]) {
			t.Fatalf("%d to %d: %v, %v", from, to, got, err)
		}
		if len(s.ids) > to-from+150 {
			t.Fatalf("%d tokens are kept for a window of %d", len(s.ids), to-from)
		}
	}
	if _, err := s.at(from, to+1); err == nil || err.Error() != "eval: the text became shorter while it was being read" {
		t.Errorf("beyond the end: %v", err)
	}
	broken := errors.New("broken")
	s = &stream{next: func() ([]int, error, bool) { return nil, broken, true }}
	if _, err := s.at(0, 1); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if _, err := (Perplexity{}).sequence(t.Context(), &Subject{Window: 4}, s, 9, false, nil); !errors.Is(err, broken) {
		t.Errorf("error %v of a window", err)
	}
}

// TestTextMemory: measuring a text of 64 MB takes a few MB of memory, as neither the text nor its tokens are kept.
func TestTextMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, bytes.Repeat([]byte("to be or not to be\n"), 64<<20/19), 0o666); err != nil {
		t.Fatal(err)
	}
	file, _, err := openText(path)
	if err != nil {
		t.Fatal(err)
	}
	count, most := 0, uint64(0)
	for _, d := range []detokenizer{detokenizers[0]} {
		runtime.GC()
		var before, now runtime.MemStats
		runtime.ReadMemStats(&before)
		for ids, err := range file.tokens(tokenizer.Bytes(), d, &textCounter{}) {
			if err != nil {
				t.Fatal(err)
			}
			count += len(ids)
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		}
	}
	if count != 64<<20/19*19 || most > 48<<20 {
		t.Errorf("%d tokens, %d MB", count, most>>20)
	}
}

// TestTextErrors: errors are one line with the file and the offset from its beginning.
func TestTextErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, append(bytes.Repeat([]byte("ab ba\n"), 1<<19), "abc"...), 0o666); err != nil {
		t.Fatal(err)
	}
	chars, err := tokenizer.NewChars(strings.NewReader("ab \n"))
	if err != nil {
		t.Fatal(err)
	}
	s := &Subject{Tokenizer: chars, Window: 8}
	_, err = Perplexity{}.Evaluate(t.Context(), s, path)
	if want := fmt.Sprintf("%s: offset %d: character 'c' (U+0063) is not in the vocabulary of 4 characters", path, 6<<19+2); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := (Perplexity{BOS: true}).Evaluate(t.Context(), s, path); err == nil || !strings.HasSuffix(err.Error(), "no beginning of text: the tokenizer chars has no end-of-text token") {
		t.Errorf("error %v", err)
	}
	if _, err := (Perplexity{}).Evaluate(t.Context(), s, ""); err == nil || err.Error() != "eval: no data file given" {
		t.Errorf("error %v", err)
	}
	if _, err := (Perplexity{}).Evaluate(t.Context(), s, path+"x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
