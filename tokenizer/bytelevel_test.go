package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
)

const goldenFolder = "../../shared/golden/tokenizer"

// golden is a line of the reference files.
type golden struct {
	Text         string   `json:"text"`
	IDs          []int    `json:"ids"`
	Words        []string `json:"words"`
	Standardized string   `json:"standardized"`
}

func readGolden(t testing.TB, name string) []golden {
	t.Helper()
	f, err := os.Open(filepath.Join(goldenFolder, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is absent", goldenFolder)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []golden
	for d := json.NewDecoder(bufio.NewReader(f)); d.More(); {
		var g golden
		if err := d.Decode(&g); err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	if len(all) < 300 {
		t.Fatalf("%s has %d lines", name, len(all))
	}
	return all
}

func mustGPT2(t testing.TB) *byteLevel {
	t.Helper()
	g, err := gpt2()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// encode returns the ids of a text, after checking that they decode to it.
func encode(t testing.TB, tok Tokenizer, text string) []int {
	t.Helper()
	ids, err := tok.Append(nil, []byte(text))
	if err != nil {
		t.Fatalf("%s: %.80q: %v", tok.Name(), text, err)
	}
	back, err := tok.AppendText(nil, ids)
	if err != nil || string(back) != text {
		t.Fatalf("%s: %.80q comes back as %.80q, %v", tok.Name(), text, back, err)
	}
	return ids
}

func TestGPT2Golden(t *testing.T) {
	tok := mustGPT2(t)
	for _, g := range readGolden(t, "gpt2_golden.jsonl") {
		if got := encode(t, tok, g.Text); !slices.Equal(got, g.IDs) {
			t.Errorf("%.80q is %v, want %v", g.Text, got, g.IDs)
		}
	}
}

// TestGPT2 checks texts that other encoders get wrong, with the ids of OpenAI's encoder.py. For texts that are not
// UTF-8, they are its ids for the text decoded with Python's surrogateescape.
func TestGPT2(t *testing.T) {
	tok := mustGPT2(t)
	for _, test := range []struct {
		text string
		want []int
	}{
		{"", nil},
		{"Hello world", []int{15496, 995}},
		{"a  b", []int{64, 220, 275}},
		{"a\n\nb", []int{64, 198, 198, 65}},
		{"\n\n", []int{628}},
		{"a\u00a0\u00a0b", []int{64, 1849, 1849, 65}},
		{"aaaaa", []int{24794, 64}},
		{"kkkkk", []int{28747, 28747, 74}},
		{"-----", []int{30934}},
		{"I'M", []int{40, 6, 44}},
		{" 's", []int{705, 82}},
		{"<|endoftext|>", []int{27, 91, 437, 1659, 5239, 91, 29}},
		{"a\x7fb", []int{64, 127 + 94, 65}},
		{"a\xffb", []int{64, 187, 65}},
		{"hello \xe4 x", []int{31373, 220, 160, 2124}},
		{"\xe2\x82", []int{158, 224}},
		{"\xed\xa0\x80", []int{169, 254, 222}},
		{"1\xc3(\x80\x80", []int{16, 127, 7, 222, 222}},
	} {
		if got := encode(t, tok, test.text); !slices.Equal(got, test.want) {
			t.Errorf("%q is %v, want %v", test.text, got, test.want)
		}
	}
	if tok.Size() != 50257 || tok.Name() != "gpt2" {
		t.Errorf("%s", tok)
	}
	if end, ok := tok.EndOfText(); end != 50256 || !ok {
		t.Errorf("end of text %d, %t", end, ok)
	}
	for _, id := range []int{-1, 50257} {
		if _, err := tok.AppendText(nil, []int{0, id}); err == nil || !strings.HasSuffix(err.Error(), "at index 1: want 0 to 50256") {
			t.Errorf("id %d: %v", id, err)
		}
	}
}

// TestClasses compares the splitter's table with package unicode.
func TestClasses(t *testing.T) {
	var text []byte
	for r := rune(0x80); r <= 0x10ffff; r++ {
		text = append(text[:0], string(r)...)
		if got, n := classOf(text); got != runeClass(r) || n != len(text) {
			t.Fatalf("%U: class %d, %d bytes", r, got, n)
		}
	}
}

// TestMerges compares the two merge algorithms, for pieces below and above the length at which the second takes over.
func TestMerges(t *testing.T) {
	tok, rng := mustGPT2(t), rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		text := make([]byte, 2+rng.IntN(longPiece-2))
		letters := 1 + rng.IntN(26)
		for i := range text {
			text[i] = 'a' + byte(rng.IntN(letters))
		}
		short, long := tok.merges.scan(tok.symbols(nil, text)), tok.merges.queue(tok.symbols(nil, text))
		if !slices.Equal(short, long) {
			t.Fatalf("%q: %v by scanning, %v with a heap", text, short, long)
		}
	}
}

// TestCut: the parts of a text that Cut cuts have the ids of the whole text.
func TestCut(t *testing.T) {
	tok, words, rng := mustGPT2(t), smallGPT1(t), rand.New(rand.NewPCG(3, 4))
	bits := []string{" ", "  ", "\n", "\t", "\r\n", "a", "hello", "he", "'s", "12", "!", "é", "漢", "\u00a0", "\u2003", "\v", "\f", "\u0085", "\xff", "\xc2"}
	for range 2000 {
		var b strings.Builder
		for range rng.IntN(30) {
			b.WriteString(bits[rng.IntN(len(bits))])
		}
		text := b.String()
		want := encode(t, tok, text)
		at := Cut([]byte(text))
		if got := append(encode(t, tok, text[:at]), encode(t, tok, text[at:])...); !slices.Equal(got, want) {
			t.Fatalf("%q cut at %d is %v, want %v", text, at, got, want)
		}
		want, _ = words.Append(nil, []byte(text))
		got, _ := words.Append(nil, []byte(text[:at]))
		if got, _ = words.Append(got, []byte(text[at:])); !slices.Equal(got, want) {
			t.Fatalf("gpt1: %q cut at %d is %v, want %v", text, at, got, want)
		}
	}
}

// TestBatches: random texts that are cut into small segments have the same text and ids when they are put together.
func TestBatches(t *testing.T) {
	tok, rng := mustGPT2(t), rand.New(rand.NewPCG(13, 14))
	bits := []string{" ", "\n", "a", "word", "'s", "12", "é", "\u00a0", "\xff", strings.Repeat("long", 9)}
	for range 1000 {
		texts := make([]string, rng.IntN(4))
		for i := range texts {
			for range rng.IntN(20) {
				texts[i] += bits[rng.IntN(len(bits))]
			}
		}
		each := func(yield func(string, io.Reader) bool) {
			for i, text := range texts {
				if !yield(strconv.Itoa(i), iotest.HalfReader(strings.NewReader(text))) {
					return
				}
			}
		}
		k, got, ids := 0, "", []int(nil)
		for batch, err := range Batches(nil, each, 8) {
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range batch {
				if s.Name != strconv.Itoa(k) || int(s.Offset) != len(got) {
					t.Fatalf("%q: segment %q of %s at %d, want %d at %d", texts, s.Text, s.Name, s.Offset, k, len(got))
				}
				got += string(s.Text)
				ids = append(ids, encode(t, tok, string(s.Text))...)
				if s.End {
					if got != texts[k] || !slices.Equal(ids, encode(t, tok, got)) {
						t.Fatalf("%q comes as %q, %v", texts[k], got, ids)
					}
					k, got, ids = k+1, "", nil
				}
			}
		}
		if k != len(texts) {
			t.Fatalf("%d texts of %d", k, len(texts))
		}
	}
}

// TestConcurrent encodes in several goroutines, for the race detector.
func TestConcurrent(t *testing.T) {
	tok, text := mustGPT2(t), opticks(t)[:50_000]
	want := encode(t, tok, text)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 3 {
				if got, err := tok.Append(nil, []byte(text)); err != nil || !slices.Equal(got, want) {
					t.Errorf("other ids, %v", err)
				}
			}
		})
	}
	wait.Wait()
}

// TestLongPieces: time does not grow with the square of the length. The limit is far above the time it takes, a tenth of
// a second, and below the minute that quadratic time would take.
func TestLongPieces(t *testing.T) {
	tok := mustGPT2(t)
	for name, text := range longTexts(1 << 18) {
		start := time.Now()
		encode(t, tok, text)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

// longTexts returns texts of n bytes that are each a single piece.
func longTexts(n int) map[string]string {
	random := make([]byte, n)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range random {
		random[i] = 'a' + byte(rng.IntN(26))
	}
	return map[string]string{
		"one letter": strings.Repeat("a", n),
		"spaces":     strings.Repeat(" ", n),
		"emoji":      strings.Repeat("😀", n/4),
		"letters":    string(random),
	}
}

// opticks returns a text in prose that comes with Go.
func opticks(t testing.TB) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip(err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src/testdata/Isaac.Newton-Opticks.txt"))
	if err != nil {
		t.Skip(err)
	}
	return string(b)
}

// cold returns the tokenizer with empty caches.
func (t *byteLevel) cold() *byteLevel {
	return &byteLevel{name: t.name, tokens: t.tokens, byteID: t.byteID, merges: t.merges, words: t.words, end: t.end, written: t.written, unknown: -1, pattern: t.pattern, whole: t.whole}
}

func BenchmarkGPT2(b *testing.B) {
	tok, text := mustGPT2(b), []byte(opticks(b))
	ids := make([]int, 0, len(text))
	b.Run("cold", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			ids, _ = tok.cold().Append(ids[:0], text)
		}
	})
	b.Run("warm", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			ids, _ = tok.Append(ids[:0], text)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.RunParallel(func(pb *testing.PB) {
			ids := make([]int, 0, len(text))
			for pb.Next() {
				ids, _ = tok.Append(ids[:0], text)
			}
		})
	})
	for name, text := range longTexts(1 << 20) {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				ids, _ = tok.Append(ids[:0], []byte(text))
			}
		})
	}
	b.Run("load", func(b *testing.B) {
		file := bytes.Clone(tiktokenFile(b))
		for b.Loop() {
			learned, err := parseTiktoken(string(file))
			if err != nil {
				b.Fatal(err)
			}
			newByteLevel("gpt2", learned)
		}
	})
}

// runeClass returns the class of a character according to package unicode.
func runeClass(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}
