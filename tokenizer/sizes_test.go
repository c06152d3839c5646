package tokenizer

import (
	"slices"
	"testing"
)

// sizedTexts are texts with letters, white space, characters beyond ASCII, invalid UTF-8, and the text of a special
// token.
var sizedTexts = []string{
	"func main() {\n\tfmt.Println(\"hello\")\n}\n", "  naïve — 日本語 \U0001f600\r\n\n\t x", "\xff\xfe a \xe2\x82 b\x00",
	"a<|endoftext|>b", "",
}

// TestSizes: the sizes of the ids of a text add up to its length, even after the tokenizer was saved and loaded.
func TestSizes(t *testing.T) {
	gpt2, err := GPT2()
	if err != nil {
		t.Fatal(err)
	}
	chars := newCharTokenizer([]rune("\x00\t\n\r !\"().<>P_adefghilmnoprtuvxbcé—日本語|{}\U0001f600ï"))
	learned := mustLearn(t, sizedTexts[0]+sizedTexts[1]+sizedTexts[1], 300)
	special, err := AddSpecials(learned, "<|user|>")
	if err != nil {
		t.Fatal(err)
	}
	for name, tok := range map[string]Tokenizer{"bytes": Bytes(), "chars": chars, "bpe": learned, "gpt2": gpt2, "special": special} {
		dir := t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		loaded, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		sizes := Sizes(tok)
		if len(sizes) != tok.Size() || !slices.Equal(sizes, Sizes(loaded)) || !slices.Equal(sizes, Sizes(ReadSpecial(tok))) {
			t.Errorf("%s: %d sizes of %d tokens, %d when it is loaded", name, len(sizes), tok.Size(), len(Sizes(loaded)))
		}
		if end, ok := tok.EndOfText(); ok && sizes[end] != 0 {
			t.Errorf("%s: the end of text has %d bytes", name, sizes[end])
		}
		for _, text := range sizedTexts {
			ids, err := tok.Append(nil, []byte(text))
			if err != nil && name == "chars" {
				continue // not UTF-8
			}
			n := 0
			for _, id := range ids {
				n += sizes[id]
			}
			if err != nil || n != len(text) {
				t.Errorf("%s: %q has %d bytes by its ids, want %d; %v", name, text, n, len(text), err)
			}
		}
	}
	ids, err := ReadSpecial(special).Append(nil, []byte("ab<|user|>c<|endoftext|>"))
	n := 0
	for _, id := range ids {
		n += Sizes(special)[id]
	}
	if err != nil || n != 3 {
		t.Errorf("special tokens that are read: %d bytes, want 3; %v", n, err)
	}
}

// TestNoSizes: a tokenizer has no sizes if the length of a text cannot be computed from its ids.
func TestNoSizes(t *testing.T) {
	learned := func() *byteLevel { return mustLearn(t, "low lower lowest", 270) }
	bpe, prefixed, removing, unknown := learned(), learned(), learned(), learned()
	prefixed.cutting = &cutting{prefix: true}
	removing.cutting = &cutting{removes: true}
	unknown.unknown = 3
	for name, tok := range map[string]Tokenizer{
		"a space in front": prefixed, "removed parts": removing, "an unknown token": unknown,
		"small letters":        newAdded(bpe, addedTokens(bpe), appendLower),
		"white space stripped": newAdded(bpe, append(addedTokens(bpe), addedToken{ID: 290, Content: "<x>", LStrip: true}), nil),
		"words":                smallGPT1(t),
	} {
		if sizes := Sizes(tok); sizes != nil {
			t.Errorf("%s: %d sizes", name, len(sizes))
		}
	}
}
