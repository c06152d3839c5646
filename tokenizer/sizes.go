package tokenizer

import "unicode/utf8"

// Sizes returns how many bytes of text the token of each id stands for, so that the sizes of the ids of a
// text add up to its length; for tokenizers over bytes, the text need not be valid UTF-8. A special token has
// size 0, even if [ReadSpecial] finds it in a text.
//
// Sizes returns nil if tokens do not determine the length: if the tokenizer changes case or normal forms, inserts or
// strips white space, drops text or has an unknown token, as GPT-1's does.
func Sizes(t Tokenizer) []int {
	switch t := t.(type) {
	case byteTokenizer:
		sizes := make([]int, byteEnd+1)
		for b := range byteEnd {
			sizes[b] = 1
		}
		return sizes
	case *charTokenizer:
		sizes := make([]int, len(t.runes))
		for id, r := range t.runes {
			sizes[id] = utf8.RuneLen(r)
		}
		return sizes
	case *byteLevel:
		return t.sizes()
	case reading:
		return Sizes(t.Tokenizer)
	case *added:
		return t.sizes()
	}
	return nil
}

// sizes returns the sizes of tokens over bytes.
func (t *byteLevel) sizes() []int {
	if t.unknown >= 0 || t.cutting != nil && (t.cutting.prefix || t.cutting.removes) {
		return nil
	}
	sizes := make([]int, len(t.tokens))
	for id, token := range t.tokens {
		if _, special := t.written[id]; !special {
			sizes[id] = len(token)
		}
	}
	return sizes
}

// sizes returns the sizes of the tokens of the model and of the added tokens.
func (a *added) sizes() []int {
	model := Sizes(a.Tokenizer)
	if model == nil || a.normalize != nil {
		return nil
	}
	sizes := make([]int, a.size)
	copy(sizes, model)
	for _, token := range a.tokens {
		if token.LStrip || token.RStrip {
			return nil
		}
		if sizes[token.ID] = len(token.Content); token.Special {
			sizes[token.ID] = 0
		}
	}
	return sizes
}
