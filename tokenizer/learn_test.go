package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pkoukk/tiktoken-go-loader/assets"
)

func tiktokenFile(t testing.TB) []byte {
	t.Helper()
	b, err := assets.Assets.ReadFile("r50k_base.tiktoken")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// one returns a sequence of a single text without a name.
func one(r io.Reader) iter.Seq2[string, io.Reader] {
	return func(yield func(string, io.Reader) bool) { yield("", r) }
}

func mustLearn(t testing.TB, text string, size int) *byteLevel {
	t.Helper()
	tok, err := LearnBPE(one(strings.NewReader(text)), size)
	if err != nil {
		t.Fatal(err)
	}
	return tok.(*byteLevel)
}

// mergesOf returns the merges in the form of merges.txt.
func mergesOf(t *byteLevel) string { return string(t.pipeline().Model.Merges.text()) }

func TestLearn(t *testing.T) {
	counts := map[string]int64{"low": 5, "lower": 2, "newest": 6, "widest": 3}
	got := mergesOf(newByteLevel("bpe", learn(counts, 10)))
	want := "#version: 0.2\ne s\nes t\nl o\nlo w\ne w\nn ew\nnew est\nd est\ni dest\nw idest\n"
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// slowLearn counts all pairs again for each merge.
func slowLearn(counts map[string]int64, n int) []pair {
	var learned []pair
	for len(learned) < n {
		t := newByteLevel("bpe", learned)
		pairs := map[pair]int64{}
		for text, count := range counts {
			ids := t.merges.apply(t.symbols(nil, []byte(text)))
			for i := range len(ids) - 1 {
				pairs[pair{ids[i], ids[i+1]}] += count
			}
		}
		var best pair
		var most int64
		for p, count := range pairs {
			if count > most || count == most && (p.left < best.left || p.left == best.left && p.right < best.right) {
				best, most = p, count
			}
		}
		if most == 0 {
			break
		}
		learned = append(learned, best)
	}
	return learned
}

func TestLearnAgainstSlow(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		counts := map[string]int64{}
		for range 1 + rng.IntN(30) {
			word := make([]byte, 1+rng.IntN(12))
			for i := range word {
				word[i] = 'a' + byte(rng.IntN(3))
			}
			counts[string(word)] += 1 + rng.Int64N(5)
		}
		got, want := learn(counts, 40), slowLearn(counts, 40)
		if !slices.Equal(got, want) {
			t.Fatalf("%v\n got %v\nwant %v", counts, got, want)
		}
	}
}

// TestLearnHuggingFace compares the merges with those of Hugging Face's tokenizers 0.23.3, whose digests
// testdata/learn.py prints.
func TestLearnHuggingFace(t *testing.T) {
	shakespeare, err := os.ReadFile("../../shared/data/text/tinyshakespeare.txt")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text string
		size       int
		merges     string // SHA-256 of merges.txt
	}{
		{"Opticks", opticks(t), 3000, "5f0ac31b7d4eaf00b6987d2873fda685e52039308636bb382670f5233419d6ab"},
		{"Tiny Shakespeare", string(shakespeare), 4096, "84f60378b17f65af3d4ce8160a39c6d3e0a1a52755f21a2f180c68f3a323a251"},
	} {
		if test.text == "" {
			t.Logf("%s is absent", test.name)
			continue
		}
		tok := mustLearn(t, test.text, test.size)
		sum := sha256.Sum256([]byte(mergesOf(tok)))
		if got := hex.EncodeToString(sum[:]); got != test.merges {
			t.Errorf("%s: digest of the merges %s, want %s", test.name, got, test.merges)
		}
		encode(t, tok, test.text)
	}
}

// TestLearnParts: the result does not depend on how a text is read or divided among goroutines.
func TestLearnParts(t *testing.T) {
	text := opticks(t)
	want := mergesOf(mustLearn(t, text, 1000))
	for name, r := range map[string]io.Reader{
		"half reads":     iotest.HalfReader(strings.NewReader(text)),
		"data and EOF":   iotest.DataErrReader(strings.NewReader(text)),
		"a second time":  strings.NewReader(text),
		"with long runs": strings.NewReader(text + strings.Repeat("x", 3<<20)), // x alone occurs too rarely to matter
	} {
		tok, err := LearnBPE(one(r), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if got := mergesOf(tok.(*byteLevel)); (got == want) != (name != "with long runs") {
			t.Errorf("%s: the merges are equal: %t", name, got == want)
		}
	}
	var texts []string
	for s := range strings.SplitAfterSeq(text, "\n\n\n") {
		texts = append(texts, s)
	}
	learnTexts := func() string {
		tok, err := LearnBPE(func(yield func(string, io.Reader) bool) {
			for _, s := range texts {
				if !yield("", strings.NewReader(s)) {
					return
				}
			}
		}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return mergesOf(tok.(*byteLevel))
	}
	first := learnTexts()
	slices.Reverse(texts)
	if learnTexts() != first {
		t.Error("the order of the texts matters")
	}
}

func TestLearnErrors(t *testing.T) {
	learned := func(r io.Reader, size int) error {
		_, err := LearnBPE(func(yield func(string, io.Reader) bool) { yield("a.txt", r) }, size)
		return err
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{learned(strings.NewReader("a"), 256), "a vocabulary of 256: want 257 or more, the bytes and the end of text"},
		{learned(strings.NewReader(""), 300), "no vocabulary: there is no text"},
		{learned(iotest.ErrReader(errors.New("broken")), 300), "a.txt: broken"},
	} {
		if test.err == nil || test.err.Error() != test.want {
			t.Errorf("error %v, want %s", test.err, test.want)
		}
	}
	if got := mustLearn(t, "abab", 1000).Size(); got != 256+2+1 {
		t.Errorf("all merges of abab: %d tokens, want 259", got)
	}
}

func BenchmarkLearn(b *testing.B) {
	text := opticks(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		mustLearn(b, text, 4096)
	}
}
