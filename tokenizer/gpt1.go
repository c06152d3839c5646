package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// wordEnd is how GPT-1's vocabulary marks the last symbol of a word.
const wordEnd = "</w>"

// unknownToken stands for a character that is not in the vocabulary of GPT-1.
const unknownToken = "<unk>"

// gpt1 is byte-pair encoding over characters, within words, as in GPT-1 (Radford et
// al. 2018, section 4.1).
//
// Words are found as Hugging Face's transformers does if ftfy and spaCy are not
// installed, and its fast tokenizers always do (see basicWords). It is not lossless:
// case, accents, white space and control characters are lost.
type gpt1 struct {
	tokens  []string // by id, as the vocabulary writes them
	ascii   [2][utf8.RuneSelf]int32
	runes   [2]map[rune]int32 // characters inside a word, and at its end
	unknown int32
	merges  *merges
	words   *words // words that are one token, without wordEnd
	caches  caches
}

const (
	inside = iota
	atEnd
)

// newGPT1 makes a tokenizer from the contents of files. Tokens in apart need no merge.
func newGPT1(v vocabulary, l mergeList, apart map[string]bool) (*gpt1, error) {
	table, err := l.table(v, func(left, right string) string { return left + right })
	if err != nil {
		return nil, err
	}
	unknown, ok := v[unknownToken]
	if !ok {
		return nil, fmt.Errorf("the vocabulary has no token %q", unknownToken)
	}
	t := &gpt1{unknown: int32(unknown), merges: table}
	if t.tokens, err = v.tokens(); err != nil {
		return nil, err
	}
	made := make([]bool, len(t.tokens))
	for _, id := range table.results {
		made[id] = true
	}
	beside := map[int]bool{unknown: true}
	for id, token := range t.tokens {
		if apart[token] && !made[id] {
			beside[id] = true
		}
	}
	return t, t.index(beside, made)
}

// index finds the tokens of characters, and the words that are one token.
func (t *gpt1) index(apart map[int]bool, made []bool) error {
	for i := range t.runes {
		t.runes[i] = make(map[rune]int32)
		for r := range t.ascii[i] {
			t.ascii[i][r] = t.unknown
		}
	}
	texts := make([]string, len(t.tokens))
	for id, token := range t.tokens {
		if apart[id] {
			continue
		}
		text, last := strings.CutSuffix(token, wordEnd)
		place := inside
		if last && text != "" {
			place = atEnd
			texts[id] = text
		} else {
			text = token
		}
		if r, n := utf8.DecodeRuneInString(text); n == len(text) && n > 0 {
			t.runes[place][r] = int32(id)
			if r < utf8.RuneSelf {
				t.ascii[place][r] = int32(id)
			}
		} else if !made[id] {
			return fmt.Errorf("the vocabulary has token %q, id %d, which no merge makes; are the merges complete?", clip(token), id)
		}
	}
	t.words = newWords(len(t.tokens), texts)
	var ids []int32
	for id, text := range texts {
		if text == "" {
			continue
		}
		ids = t.merges.apply(t.symbols(ids[:0], []byte(text)))
		if len(ids) == 1 && ids[0] == int32(id) {
			t.words.add(int32(id))
		}
	}
	return nil
}

// symbols appends the ids of the characters of a word.
func (t *gpt1) symbols(ids []int32, word []byte) []int32 {
	for i := 0; i < len(word); {
		r, n := rune(word[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(word[i:])
		}
		i += n
		place := inside
		if i == len(word) {
			place = atEnd
		}
		if r < utf8.RuneSelf {
			ids = append(ids, t.ascii[place][r])
		} else if id, ok := t.runes[place][r]; ok {
			ids = append(ids, id)
		} else {
			ids = append(ids, t.unknown)
		}
	}
	return ids
}

// word returns the ids of a word, valid until the next call with that cache.
func (t *gpt1) word(c *cache, word []byte) []int32 {
	h := hash(word)
	if id := t.words.find(h, word); id >= 0 {
		c.scratch = append(c.scratch[:0], id)
		return c.scratch
	}
	ids, entry := c.get(h, word)
	if ids == nil {
		ids = t.merges.apply(t.symbols(c.scratch[:0], word))
		c.scratch = ids
		entry.put(word, ids)
	}
	return ids
}

// Append implements Tokenizer. It can encode any text.
func (t *gpt1) Append(ids []int, text []byte) ([]int, error) {
	c := t.caches.take()
	defer t.caches.give(c)
	w := basicWords{text: text, word: c.text}
	for w.next() {
		for _, id := range t.word(c, w.word) {
			ids = append(ids, int(id))
		}
	}
	if cap(w.word) <= 1<<16 {
		c.text = w.word
	}
	return ids, nil
}

// AppendText implements Tokenizer. A space follows each word.
func (t *gpt1) AppendText(text []byte, ids []int) ([]byte, error) {
	n := len(text)
	for i, id := range ids {
		if id < 0 || id >= len(t.tokens) {
			return text[:n], badID(i, id, len(t.tokens))
		}
		token, last := strings.CutSuffix(t.tokens[id], wordEnd)
		text = append(text, token...)
		if last {
			text = append(text, ' ')
		}
	}
	return text, nil
}

// Size implements Tokenizer.
func (t *gpt1) Size() int { return len(t.tokens) }

// EndOfText implements Tokenizer: GPT-1 has none, unless one is added.
func (t *gpt1) EndOfText() (int, bool) { return 0, false }

// Name implements Tokenizer.
func (t *gpt1) Name() string { return "gpt1" }

// Save implements Tokenizer.
func (t *gpt1) Save(dir string) error { return t.pipeline().save(dir, usualConfig(t), nil) }

// pipeline returns what Hugging Face publishes for GPT-1, but without <unk> as an
// added token, with which <unk> in a text would become its id.
func (t *gpt1) pipeline() *pipeline {
	yes, unknown, suffix := true, unknownToken, wordEnd
	p := &pipeline{
		Normalizer:   &stage{Type: "BertNormalizer", CleanText: &yes, ChineseChars: &yes, StripAccents: &yes, Lowercase: &yes},
		PreTokenizer: &stage{Type: "BertPreTokenizer"},
		Decoder:      &stage{Type: "BPEDecoder", Suffix: &suffix},
		Model:        &model{Type: "BPE", UnkToken: &unknown, EndOfWordSuffix: &suffix, Vocab: make(vocabulary, len(t.tokens)), Merges: mergeList{}},
	}
	for id, token := range t.tokens {
		p.Model.Vocab[token] = id
	}
	for _, m := range t.merges.pairs {
		p.Model.Merges = append(p.Model.Merges, fileMerge{left: t.tokens[m.left], right: t.tokens[m.right]})
	}
	return p
}

// gpt1 makes a tokenizer of GPT-1's kind, with any vocabulary.
func (p *pipeline) gpt1() (Tokenizer, error) {
	m := p.Model
	on := func(b *bool) bool { return b == nil || *b }
	if err := m.plain(); err != nil {
		return nil, err
	}
	switch n := p.Normalizer; {
	case m.UnkToken == nil || *m.UnkToken != unknownToken:
		return nil, fmt.Errorf("model.unk_token is not %q", unknownToken)
	case m.FuseUnk:
		return nil, errors.New("model.fuse_unk is true, want false")
	case n == nil || n.Type != "BertNormalizer":
		return nil, fmt.Errorf("normalizer is %s, want \"BertNormalizer\" for GPT-1", n)
	case !on(n.CleanText) || !on(n.ChineseChars) || !on(n.StripAccents) || !on(n.Lowercase):
		return nil, errors.New("normalizer \"BertNormalizer\" has options switched off, want all of them on for GPT-1")
	case p.PreTokenizer == nil || p.PreTokenizer.Type != "BertPreTokenizer":
		return nil, fmt.Errorf("pre_tokenizer is %s, want \"BertPreTokenizer\" for GPT-1", p.PreTokenizer)
	}
	apart := make(map[string]bool)
	for _, a := range p.AddedTokens {
		apart[a.Content] = true
	}
	return newGPT1(m.Vocab, m.Merges, apart)
}
