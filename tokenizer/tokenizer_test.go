package tokenizer

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func mustChars(t testing.TB, text string) Tokenizer {
	t.Helper()
	tok, err := NewChars(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestAppend(t *testing.T) {
	chars := mustChars(t, "to be, or not to be: naïve 漢 \U0001f600")
	for _, test := range []struct {
		tok  Tokenizer
		text string
		want []int
	}{
		{Bytes(), "", nil},
		{Bytes(), "A\x00\xff é", []int{65, 0, 255, 32, 195, 169}},
		{Bytes(), "<|", []int{60, 124}},
		// Code points in order: space , : a b e n o r t v ï 漢 😀
		{chars, "to be", []int{9, 7, 0, 4, 5}},
		{chars, "naïve 漢\U0001f600", []int{6, 3, 11, 10, 5, 0, 12, 13}},
		{chars, "", nil},
	} {
		prefix := []int{7, 7}
		got, err := test.tok.Append(prefix, []byte(test.text))
		if err != nil || !slices.Equal(got, append([]int{7, 7}, test.want...)) {
			t.Errorf("%s: Append(%q) = %v, %v; want %v after 7 7", test.tok.Name(), test.text, got, err, test.want)
			continue
		}
		text, err := test.tok.AppendText([]byte("x"), test.want)
		if err != nil || string(text) != "x"+test.text {
			t.Errorf("%s: AppendText(%v) = %q, %v; want %q after x", test.tok.Name(), test.want, text, err, test.text)
		}
	}
}

func TestEndOfText(t *testing.T) {
	if id, ok := Bytes().EndOfText(); id != 256 || !ok || Bytes().Size() != 257 {
		t.Errorf("bytes: end of text %d, %t of %d; want 256, true of 257", id, ok, Bytes().Size())
	}
	if _, ok := mustChars(t, "a").EndOfText(); ok {
		t.Error("chars: has an end of text")
	}
	text, err := Bytes().AppendText(nil, []int{'a', 256, 'b'})
	if err != nil || string(text) != "a<|endoftext|>b" {
		t.Errorf("bytes: AppendText of the end of text = %q, %v", text, err)
	}
	ids, err := Bytes().Append(nil, []byte(EndOfText))
	if err != nil || len(ids) != len(EndOfText) {
		t.Errorf("bytes: Append(%q) = %v, %v; want one id a byte", EndOfText, ids, err)
	}
}

// TestTinyShakespeare compares with nanoGPT's shakespeare_char, which has 65 characters and encodes the first line as
// these ids.
func TestTinyShakespeare(t *testing.T) {
	const name = "../../shared/data/text/tinyshakespeare.txt"
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is absent", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok, err := NewChars(f)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Size() != 65 {
		t.Errorf("%d characters, want 65", tok.Size())
	}
	ids, err := tok.Append(nil, []byte("First Citizen:\n"))
	want := []int{18, 47, 56, 57, 58, 1, 15, 47, 58, 47, 64, 43, 52, 10, 0}
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("Append = %v, %v; want %v", ids, err, want)
	}
	all := make([]int, tok.Size())
	for i := range all {
		all[i] = i
	}
	text, err := tok.AppendText(nil, all)
	if want := "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"; err != nil || string(text) != want {
		t.Errorf("vocabulary %q, %v; want %q", text, err, want)
	}
}

// TestCharsInPieces reads one byte at a time, so that every character is cut, and a text that fills several buffers.
func TestCharsInPieces(t *testing.T) {
	text := strings.Repeat("añ漢\U0001f600", 30_000) // 10 bytes each, not a divisor of the buffer
	for name, r := range map[string]io.Reader{
		"whole":        strings.NewReader(text),
		"byte by byte": iotest.OneByteReader(strings.NewReader(text[:1000])),
		"half reads":   iotest.HalfReader(strings.NewReader(text)),
		"data and EOF": iotest.DataErrReader(strings.NewReader(text)),
	} {
		tok, err := NewChars(r)
		if err != nil || tok.Size() != 4 {
			t.Errorf("%s: %v, %v; want 4 characters", name, tok, err)
		}
	}
}

func TestLearnChars(t *testing.T) {
	texts := func(yield func(string, io.Reader) bool) {
		_ = yield("one.txt", strings.NewReader("cab")) && yield("two.txt", strings.NewReader("bed"))
	}
	tok, err := LearnChars(texts)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tok.AppendText(nil, []int{0, 1, 2, 3, 4})
	if err != nil || string(text) != "abcde" {
		t.Errorf("vocabulary %q, %v; want abcde", text, err)
	}
}

func TestErrors(t *testing.T) {
	named := filepath.Join(t.TempDir(), "bad.txt")
	if err := os.WriteFile(named, []byte("ab\xc3"), 0o666); err != nil {
		t.Fatal(err)
	}
	newChars := func(r io.Reader) error { _, err := NewChars(r); return err }
	appendTo := func(tok Tokenizer, text string) error {
		ids, err := tok.Append([]int{5}, []byte(text))
		if len(ids) != 1 || ids[0] != 5 {
			t.Errorf("Append(%q) gives %v with its error, want the ids as they were", text, ids)
		}
		return err
	}
	appendText := func(tok Tokenizer, ids ...int) error {
		text, err := tok.AppendText([]byte("x"), ids)
		if string(text) != "x" {
			t.Errorf("AppendText(%v) gives %q with its error, want the text as it was", ids, text)
		}
		return err
	}
	open := func() io.Reader {
		f, err := os.Open(named)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	chars := mustChars(t, "abcé")
	two := func(yield func(string, io.Reader) bool) {
		_ = yield("one.txt", strings.NewReader("fine")) &&
			yield("two.txt", iotest.TimeoutReader(strings.NewReader(strings.Repeat("x", 100_000))))
	}
	_, broken := LearnChars(two)
	for _, test := range []struct {
		err  error
		want string
	}{
		{newChars(strings.NewReader("")), "no vocabulary: the text has no characters"},
		{newChars(strings.NewReader("ab\xffcd")), "offset 2: byte 0xff is not valid UTF-8"},
		{newChars(strings.NewReader(strings.Repeat("é", 40_000) + "\xa9")), "offset 80000: byte 0xa9 is not valid UTF-8"},
		{newChars(strings.NewReader("\xed\xa0\x80")), "offset 0: byte 0xed is not valid UTF-8"},
		{newChars(open()), named + ": offset 2: byte 0xc3 is not valid UTF-8"},
		{broken, "two.txt: timeout"},
		{appendTo(chars, "abz"), "offset 2: character 'z' (U+007A) is not in the vocabulary of 4 characters"},
		{appendTo(chars, "éñ"), "offset 2: character 'ñ' (U+00F1) is not in the vocabulary of 4 characters"},
		{appendTo(chars, "a\n"), "offset 1: character '\\n' (U+000A) is not in the vocabulary of 4 characters"},
		{appendTo(chars, "aé\x80"), "offset 3: byte 0x80 is not valid UTF-8"},
		{appendText(chars, 0, 4), "id 4 at index 1: want 0 to 3"},
		{appendText(chars, -1), "id -1 at index 0: want 0 to 3"},
		{appendText(Bytes(), 0, 0, 257), "id 257 at index 2: want 0 to 256"},
		{&TextError{"a.txt", 3, "bad"}, "a.txt: offset 3: bad"},
	} {
		if test.err == nil || test.err.Error() != test.want {
			t.Errorf("error %v\nwant  %s", test.err, test.want)
		}
	}
	if _, ok := errors.AsType[*TextError](appendTo(chars, "z")); !ok {
		t.Error("Append's error is no *TextError")
	}
}

func FuzzRoundTrip(f *testing.F) {
	learned := mustLearn(f, strings.Join(awkward, " "), 300)
	for _, s := range append(awkward, "\xff\xfe", "a\xed\xa0\x80b") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		toks := []Tokenizer{Bytes(), mustGPT2(t), learned}
		chars, err := NewChars(strings.NewReader(text))
		if err == nil {
			toks = append(toks, chars)
		} else if strings.ToValidUTF8(text, "") == text && text != "" {
			t.Errorf("NewChars(%q): %v", text, err)
		}
		for _, tok := range toks {
			ids, err := tok.Append(nil, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			back, err := tok.AppendText(nil, ids)
			if err != nil || string(back) != text {
				t.Errorf("%s: %q comes back as %q, %v", tok.Name(), text, back, err)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	text := make([]byte, 1<<20)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range text {
		text[i] = "etaoin shrdlu\n"[rng.IntN(14)]
	}
	for _, tok := range []Tokenizer{Bytes(), mustChars(b, string(text))} {
		b.Run(tok.Name(), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var ids []int
			for b.Loop() {
				ids, _ = tok.Append(ids[:0], text)
			}
		})
	}
}
