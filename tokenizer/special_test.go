package tokenizer

import (
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestAppendSpecial(t *testing.T) {
	tok := mustGPT2(t)
	padded, err := AddSpecials(tok, "<|pad|>", "<|pad|>x", EndOfText)
	if err != nil {
		t.Fatal(err)
	}
	if padded.Size() != 50259 {
		t.Errorf("%d tokens with two more, want 50259", padded.Size())
	}
	for _, test := range []struct {
		tok  Tokenizer
		text string
		want []int
	}{
		{tok, "", nil},
		{tok, "<|endoftext|>", []int{50256}},
		{tok, "a<|endoftext|>b", []int{64, 50256, 65}},
		{tok, " <|endoftext|><|endoftext|>\n\n", []int{220, 50256, 50256, 628}},
		{padded, "<|pad|>a<|endoftext|>", []int{50257, 64, 50256}},
		{padded, "<|pad|>x<|pad|>", []int{50258, 50257}},
		{Bytes(), "a<|endoftext|>", []int{97, 256}},
		{mustChars(t, "ab"), "ab", []int{0, 1}},
	} {
		got, err := AppendSpecial(test.tok, []int{7}, []byte(test.text))
		if err != nil || !slices.Equal(got, append([]int{7}, test.want...)) {
			t.Errorf("%s: %q is %v, %v; want %v after 7", test.tok.Name(), test.text, got, err, test.want)
		}
		back, err := test.tok.AppendText(nil, test.want)
		if err != nil || string(back) != test.text {
			t.Errorf("%s: %v is %q, %v; want %q", test.tok.Name(), test.want, back, err, test.text)
		}
	}
	if got, err := padded.Append(nil, []byte("<|pad|>")); err != nil || slices.Contains(got, 50257) {
		t.Errorf("Append gives a special token: %v, %v", got, err)
	}
	if _, err := padded.AppendText(nil, []int{50259}); err == nil || err.Error() != "id 50259 at index 0: want 0 to 50258" {
		t.Errorf("id out of range: %v", err)
	}
	if _, err := AddSpecials(tok, ""); err == nil || err.Error() != "special token 0 is empty" {
		t.Errorf("empty special token: %v", err)
	}
	chars, err := AddSpecials(mustChars(t, "ab"), "<s>")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AppendSpecial(chars, nil, []byte("ab<s>ac")); err == nil || err.Error() != "offset 6: character 'c' (U+0063) is not in the vocabulary of 2 characters" {
		t.Errorf("unknown character: %v", err)
	}
}

// TestGPT1Specials: the special tokens of OpenAI's fine-tuning have the same ids as in OpenAI's code.
func TestGPT1Specials(t *testing.T) {
	tok, err := AddSpecials(mustGPT1(t), "_start_", "_delimiter_")
	if err != nil {
		t.Fatal(err)
	}
	if tok, err = AddSpecials(tok, "_classify_"); err != nil {
		t.Fatal(err)
	}
	want := []Special{{"_start_", 40478}, {"_delimiter_", 40479}, {"_classify_", 40480}}
	if got := Specials(tok); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	ids, err := AppendSpecial(tok, nil, []byte("_start_Hello_classify_"))
	if err != nil || !slices.Equal(ids, []int{40478, 3570, 40480}) {
		t.Errorf("%v, %v", ids, err)
	}
	dir := t.TempDir()
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir)
	if err != nil || !slices.Equal(Specials(again), want) {
		t.Errorf("loaded again: %v, %v", again, err)
	}
}

// TestSugarmeSpecials: the library encodes texts with several special tokens correctly, with the help of the model.
func TestSugarmeSpecials(t *testing.T) {
	gpt1, err := AddSpecials(smallGPT1(t), "_start_", "_end_")
	if err != nil {
		t.Fatal(err)
	}
	gpt2, err := AddSpecials(mustGPT2(t), "_start_", "_end_")
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 10))
	bits := []string{"_start_", "_end_", EndOfText, "hello", " ", "é", "o\n"}
	for _, tok := range []Tokenizer{gpt1, gpt2} {
		shell := mustSugarme(t, tok)
		for range 500 {
			var b strings.Builder
			for range 1 + rng.IntN(8) {
				b.WriteString(bits[rng.IntN(len(bits))])
			}
			want, err := AppendSpecial(tok, nil, []byte(b.String()))
			if err != nil {
				t.Fatal(err)
			}
			en, err := shell.EncodeSingle(b.String())
			if err != nil || !slices.Equal(en.Ids, want) {
				t.Fatalf("%s: %q is %v, %v; want %v", tok.Name(), b.String(), en, err, want)
			}
		}
		if got := shell.Decode([]int{tok.Size() - 1, 4}, true); strings.Contains(got, "_end_") {
			t.Errorf("%s: special tokens are left out in %q", tok.Name(), got)
		}
	}
}

// TestAddedRoundTrip: special tokens added to any kind of tokenizer keep their ids when it is saved and loaded.
func TestAddedRoundTrip(t *testing.T) {
	learned, err := LearnBPE(func(yield func(string, io.Reader) bool) { yield("a text", strings.NewReader("the cat and the hat")) }, 265)
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []Tokenizer{Bytes(), mustChars(t, "the cat"), learned} {
		tok, err := AddSpecials(base, "_start_", "_classify_")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		back, err := Load(dir)
		if err != nil {
			t.Errorf("%s: %v", base.Name(), err)
			continue
		}
		if back.Size() != tok.Size() || !slices.Equal(Specials(back), Specials(tok)) {
			t.Errorf("%s: %d tokens, special %v; want %d, %v", base.Name(), back.Size(), Specials(back), tok.Size(), Specials(tok))
		}
	}
}
