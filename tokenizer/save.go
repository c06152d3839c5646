package tokenizer

import "strings"

// filed is a tokenizer that Hugging Face's tokenizers can be described to.
type filed interface{ pipeline() *pipeline }

// byteLevelStage is the stage that spells each byte as a character of its own.
func byteLevelStage(split bool) *stage {
	no, yes := false, true
	return &stage{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &split}
}

// pipeline is a byte-pair model without merges behind ByteLevel. Ids in the file are
// ours, not GPT-2's.
func (byteTokenizer) pipeline() *pipeline {
	vocab := make(vocabulary, 256)
	for b, symbol := range byteSymbols() {
		vocab[string(symbol)] = b
	}
	level := byteLevelStage(false)
	return &pipeline{
		AddedTokens:  []addedToken{{ID: byteEnd, Content: EndOfText, Special: true}},
		PreTokenizer: level,
		Decoder:      level,
		Model:        &model{Type: "BPE", Vocab: vocab, Merges: mergeList{}},
	}
}

// Save implements Tokenizer.
func (t byteTokenizer) Save(dir string) error { return t.pipeline().save(dir) }

// pipeline is a byte-pair model without merges, whose symbols are the characters.
// Hugging Face's leaves characters out that it does not know, where Append returns an
// error.
func (t *charTokenizer) pipeline() *pipeline {
	vocab := make(vocabulary, len(t.runes))
	for id, r := range t.runes {
		vocab[string(r)] = id
	}
	return &pipeline{
		Decoder: &stage{Type: "Fuse"}, // joins tokens with nothing between
		Model:   &model{Type: "BPE", Vocab: vocab, Merges: mergeList{}},
	}
}

// Save implements Tokenizer.
func (t *charTokenizer) Save(dir string) error { return t.pipeline().save(dir) }

// pipeline is what Hugging Face publishes for GPT-2, over this vocabulary.
func (t *byteLevel) pipeline() *pipeline {
	p := &pipeline{
		PreTokenizer: byteLevelStage(true), PostProcessor: byteLevelStage(true), Decoder: byteLevelStage(true),
		Model: &model{Type: "BPE", Vocab: make(vocabulary, len(t.tokens)), Merges: mergeList{}},
	}
	spelled := make([]string, len(t.tokens))
	for id, token := range t.tokens {
		spelled[id] = spell(token)
	}
	for _, s := range t.special {
		spelled[s.ID] = s.Text
		p.AddedTokens = append(p.AddedTokens, addedToken{ID: s.ID, Content: s.Text, Special: true})
	}
	for id, token := range spelled {
		p.Model.Vocab[token] = id
	}
	for _, m := range t.merges.pairs {
		p.Model.Merges = append(p.Model.Merges, fileMerge{left: spelled[m.left], right: spelled[m.right]})
	}
	return p
}

// Save implements Tokenizer.
func (t *byteLevel) Save(dir string) error { return t.pipeline().save(dir) }

// Save implements Tokenizer.
func (a *added) Save(dir string) error { return a.pipeline().save(dir) }

// pipeline is that of the tokenizer inside, with the tokens that were added.
func (a *added) pipeline() *pipeline {
	p := a.Tokenizer.(filed).pipeline()
	for _, s := range a.own {
		p.AddedTokens = append(p.AddedTokens, addedToken{ID: s.ID, Content: s.Text, Special: true})
	}
	return p
}

// symbols are the characters that stand for the bytes, bytesOf the reverse.
var (
	symbols = byteSymbols()
	bytesOf = func() map[rune]byte {
		m := make(map[rune]byte, 256)
		for b, r := range symbols {
			m[r] = byte(b)
		}
		return m
	}()
)

// spell writes bytes as byte-level vocabularies do.
func spell(token string) string {
	var b strings.Builder
	for i := range len(token) {
		b.WriteRune(symbols[token[i]])
	}
	return b.String()
}

// unspell is the reverse of spell; it returns false for what no bytes are written as.
func unspell(text string) (string, bool) {
	b := make([]byte, 0, len(text))
	for _, r := range text {
		c, ok := bytesOf[r]
		if !ok {
			return "", false
		}
		b = append(b, c)
	}
	return string(b), true
}

// byteSymbols returns the character that stands for each byte in byte-level
// vocabularies: the printable bytes of Latin-1 are themselves, the other 68
// are U+0100 and up, in order (bytes_to_unicode in OpenAI's GPT-2).
func byteSymbols() [256]rune {
	var symbols [256]rune
	next := rune(256)
	for b := range rune(256) {
		switch {
		case b >= '!' && b <= '~', b >= 0xa1 && b <= 0xac, b >= 0xae:
			symbols[b] = b
		default:
			symbols[b] = next
			next++
		}
	}
	return symbols
}
