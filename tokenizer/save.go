package tokenizer

// Save writes a byte-pair model without merges behind ByteLevel, which spells
// each byte as a character of its own. Ids in the file are ours, not GPT-2's.
func (byteTokenizer) Save(dir string) error {
	vocab := make(vocabulary, 256)
	for b, symbol := range byteSymbols() {
		vocab[string(symbol)] = b
	}
	no, yes := false, true
	level := &stage{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &no}
	p := pipeline{
		AddedTokens:  []addedToken{{ID: byteEnd, Content: EndOfText, Special: true}},
		PreTokenizer: level,
		Decoder:      level,
		Model:        &model{Type: "BPE", Vocab: vocab},
	}
	return p.save(dir)
}

// Save writes a byte-pair model without merges, whose symbols are the
// characters. Hugging Face's leaves characters out that it does not know,
// where Append returns an error.
func (t *charTokenizer) Save(dir string) error {
	vocab := make(vocabulary, len(t.runes))
	for id, r := range t.runes {
		vocab[string(r)] = id
	}
	p := pipeline{
		Decoder: &stage{Type: "Fuse"}, // joins tokens with nothing between
		Model:   &model{Type: "BPE", Vocab: vocab},
	}
	return p.save(dir)
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
