package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer"
)

func mustSugarme(t testing.TB, tok Tokenizer) *sugarme.Tokenizer {
	t.Helper()
	s, err := Sugarme(tok)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSugarme uses the tokenizers as code written for that library would.
func TestSugarme(t *testing.T) {
	text := "naïve 漢\n"
	for _, test := range []struct {
		tok     Tokenizer
		ids     []int
		tokens  []string
		offsets [][]int
	}{
		// Code points in order: \n space a e n v ï 漢.
		{mustChars(t, text), []int{4, 2, 6, 5, 3, 1, 7, 0},
			[]string{"n", "a", "ï", "v", "e", " ", "漢", "\n"},
			[][]int{{0, 1}, {1, 2}, {2, 4}, {4, 5}, {5, 6}, {6, 7}, {7, 10}, {10, 11}}},
		// A token that splits a character gets the offsets of all of it.
		{Bytes(), []int{'n', 'a', 0xc3, 0xaf, 'v', 'e', ' ', 0xe6, 0xbc, 0xa2, '\n'},
			[]string{"n", "a", "\xc3", "\xaf", "v", "e", " ", "\xe6", "\xbc", "\xa2", "\n"},
			[][]int{{0, 1}, {1, 2}, {2, 4}, {2, 4}, {4, 5}, {5, 6}, {6, 7}, {7, 10}, {7, 10}, {7, 10}, {10, 11}}},
	} {
		s := mustSugarme(t, test.tok)
		en, err := s.EncodeSingle(text)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(en.Ids, test.ids) || !slices.Equal(en.Tokens, test.tokens) {
			t.Errorf("%s: ids %v, tokens %q; want %v, %q", test.tok.Name(), en.Ids, en.Tokens, test.ids, test.tokens)
		}
		if !slices.EqualFunc(en.Offsets, test.offsets, slices.Equal) {
			t.Errorf("%s: offsets %v, want %v", test.tok.Name(), en.Offsets, test.offsets)
		}
		if got := s.Decode(en.Ids, true); got != text {
			t.Errorf("%s: decodes as %q, want %q", test.tok.Name(), got, text)
		}
		if got := s.GetVocabSize(false); got != test.tok.Size() {
			t.Errorf("%s: vocabulary of %d, want %d", test.tok.Name(), got, test.tok.Size())
		}
		if got := len(s.GetVocab(true)); got != test.tok.Size() {
			t.Errorf("%s: vocabulary with added tokens of %d, want %d", test.tok.Name(), got, test.tok.Size())
		}
		if id, ok := s.TokenToId("v"); !ok || s.Decode([]int{id}, false) != "v" {
			t.Errorf("%s: TokenToId(v) = %d, %t", test.tok.Name(), id, ok)
		}
		if _, ok := s.IdToToken(test.tok.Size()); ok {
			t.Errorf("%s: IdToToken knows id %d", test.tok.Name(), test.tok.Size())
		}
		if got := s.Decode([]int{test.ids[0], 9999, -1}, false); got != "n" {
			t.Errorf("%s: unknown ids decode as %q", test.tok.Name(), got)
		}
		batch, err := s.EncodeBatch([]sugarme.EncodeInput{
			sugarme.NewSingleEncodeInput(sugarme.NewInputSequence("na")),
			sugarme.NewSingleEncodeInput(sugarme.NewInputSequence("ven")),
		}, false)
		if err != nil || len(batch) != 2 || len(batch[0].Ids) != 2 || len(batch[1].Ids) != 3 {
			t.Errorf("%s: EncodeBatch = %v, %v", test.tok.Name(), batch, err)
		}
		dir := t.TempDir()
		if err := s.GetModel().Save(dir); err != nil {
			t.Error(err)
		}
		if got, err := Load(dir); err != nil || got.Name() != test.tok.Name() {
			t.Errorf("%s: saved by the model: %v, %v", test.tok.Name(), got, err)
		}
	}
}

func TestSugarmeEndOfText(t *testing.T) {
	s := mustSugarme(t, Bytes())
	en, err := s.EncodeSingle("a" + EndOfText + "\n" + EndOfText + "b")
	if err != nil || !slices.Equal(en.Ids, []int{'a', 256, '\n', 256, 'b'}) {
		t.Fatalf("ids %v, %v", en, err)
	}
	if got := s.Decode(en.Ids, true); got != "a\nb" {
		t.Errorf("without special tokens %q", got)
	}
	if got := s.Decode(en.Ids, false); got != "a"+EndOfText+"\n"+EndOfText+"b" {
		t.Errorf("with special tokens %q", got)
	}
}

func TestSugarmeErrors(t *testing.T) {
	_, err := mustSugarme(t, mustChars(t, "ab")).EncodeSingle("abc")
	if want := "offset 2: character 'c' (U+0063) is not in the vocabulary of 2 characters"; err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	_, err = mustSugarme(t, Bytes()).GetModel().Tokenize("a\xff")
	if want := "not valid UTF-8, which sugarme/tokenizer cannot take: use Append"; err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

// TestSugarmeInvalid: a text that is not UTF-8 gets no ids. Most such texts make the library panic before it calls any
// code of ours (fault E of shared/notes/tokenizers.md).
func TestSugarmeInvalid(t *testing.T) {
	s := mustSugarme(t, Bytes())
	encode := func(text string) (en *sugarme.Encoding, err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		return s.EncodeSingle(text)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	parts := []string{"\xff", "\xc3", "\xe6\xbc", "\xa2", "a", "é", "漢", " ", EndOfText}
	for range 2000 {
		var b strings.Builder
		for range 1 + rng.IntN(6) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		text := b.String()
		en, err := encode(text)
		if valid := utf8.ValidString(text); valid != (err == nil) {
			t.Fatalf("%q: %v, %v; want an error where it is not UTF-8", text, en, err)
		}
	}
}

// TestSugarmeGPT2 compares ids and decoded text with those of the reference.
func TestSugarmeGPT2(t *testing.T) {
	s := mustSugarme(t, mustGPT2(t))
	for _, g := range readGolden(t, "gpt2_golden.jsonl") {
		if strings.Contains(g.Text, EndOfText) {
			continue // the library treats it as a special token
		}
		en, err := s.EncodeSingle(g.Text)
		if err != nil || !slices.Equal(en.Ids, g.IDs) {
			t.Errorf("%.80q is %v, %v; want %v", g.Text, en, err, g.IDs)
			continue
		}
		if got := s.Decode(en.Ids, false); got != g.Text {
			t.Errorf("%.80q comes back as %.80q", g.Text, got)
		}
		for i, o := range en.Offsets {
			if o[0] < 0 || o[1] > len(g.Text) || o[0] > o[1] {
				t.Errorf("%.80q: offsets %v of token %d", g.Text, o, i)
			}
		}
	}
}
