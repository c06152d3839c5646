package datasets

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// encodedTexts returns the tokens of the texts in the sections, with -1 after each text, and the number of texts.
func encodedTexts(t *testing.T, tok tokenizer.Tokenizer, sections ...Section) (ids []int, ends int) {
	t.Helper()
	for _, s := range sections {
		for batch, err := range tokenizer.Batches(tok, s.Texts(), 1<<20) {
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range batch {
				if ids, err = tok.Append(ids, one.Text); err != nil {
					t.Fatal(err)
				}
				if one.End {
					ids, ends = append(ids, -1), ends+1
				}
			}
		}
	}
	return ids, ends
}

// mess returns a text with white space of all kinds, added tokens and words in many alphabets.
func mess(r *rand.Rand, size int) string {
	words := []string{"word", " ", "  ", "\n", "\n\n", "\u3000", "\u00a0", "\u0085", "ü", "漢字", "'s", "12345", "<|endoftext|>", "<two words>", ".", "\r\n", "\t", "🙂"}
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(words[r.IntN(len(words))])
	}
	return b.String()
}

// TestSections: whatever their size, sections have the same tokens as the source, and as many texts.
func TestSections(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	var lines strings.Builder
	for i := range 400 {
		fmt.Fprintf(&lines, "{\"text\": %q}\n", fmt.Sprint(i, " ", strings.Repeat("x y ", r.IntN(80))))
		if i%50 == 0 {
			lines.WriteString("\n\n")
		}
	}
	texts := map[string]string{
		"a.txt": "\ufeff" + mess(r, 200_000), "b.txt": "short", "c.txt": strings.Repeat("x", 120_000), // nowhere to cut
		"d.jsonl": lines.String(), "e.txt": mess(r, 90_000), "f.jsonl": strings.TrimSuffix(lines.String(), "\n"),
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	src, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	gpt2, err := tokenizer.GPT2()
	if err != nil {
		t.Fatal(err)
	}
	added, err := tokenizer.AddSpecials(gpt2, "<two words>")
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range []tokenizer.Tokenizer{gpt2, tokenizer.Bytes(), tokenizer.ReadSpecial(added)} {
		want, ends := encodedTexts(t, tok, Section{src})
		if ends != 4+800 {
			t.Fatalf("%d texts, want 804", ends)
		}
		for _, size := range []int64{1 << 30, 100_000, 30_011, 4001} {
			sections := Sections(src, tok, size)
			if n := src.Size() / size; int64(len(sections)) < n {
				t.Errorf("%d sections of %d bytes, want at least %d", len(sections), size, n)
			}
			got, n := encodedTexts(t, tok, sections...)
			if !slices.Equal(got, want) || n != ends {
				t.Errorf("%s, sections of %d bytes: %d tokens and %d texts, want %d and %d", tok.Name(), size, len(got), n, len(want), ends)
			}
		}
	}
}

// TestSectionsOfBadRecords: bad records are counted once, whichever sections they are in, and the first one reported is
// the first in the file.
func TestSectionsOfBadRecords(t *testing.T) {
	var text bytes.Buffer
	for i := range 300 {
		fmt.Fprintf(&text, "{\"text\": \"%d\"}\n", i)
		if i%100 == 50 {
			text.WriteString("not JSON\n")
		}
	}
	path := filepath.Join(t.TempDir(), "a.jsonl")
	if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	src, err := Open(path, SkipBad())
	if err != nil {
		t.Fatal(err)
	}
	sections := Sections(src, tokenizer.Bytes(), 100)
	slices.Reverse(sections)
	if _, ends := encodedTexts(t, tokenizer.Bytes(), sections...); ends != 300 {
		t.Errorf("%d texts, want 300", ends)
	}
	if n, first := src.Skipped(); n != 3 || !strings.HasPrefix(first.Error(), path+":52: ") {
		t.Errorf("%d skipped, the first %v; want 3, from line 52", n, first)
	}
}

// TestSectionsOfGoneText: a file that can no longer be read is an error that names it.
func TestSectionsOfGoneText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("some text ", 1000)), 0o666); err != nil {
		t.Fatal(err)
	}
	src, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	sections := Sections(src, tokenizer.Bytes(), 3000)
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	for _, err := range tokenizer.Batches(tokenizer.Bytes(), sections[1].Texts(), 1<<20) {
		if want := path + ": shorter than 10000 bytes: it was changed after it was opened"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
