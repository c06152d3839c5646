package tokenizer

import "unicode/utf8"

// Sizes returns how many bytes of text the token of each id stands for, so that those of the ids of a
// text add up to its length: of valid UTF-8 or not, with bytes and byte-level merges. A special token is no text
// and has none, also where it was read as such in a text, of [ReadSpecial].
//
// It is nil where tokens do not tell: the tokenizer changes letters or normal forms first, puts in or strips
// white space, leaves out text or has a token for what it does not know, as GPT-1's does.
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

// sizes are those of tokens over bytes.
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

// sizes are those of the tokenizer's model, and of the tokens beside it.
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
