package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// filed is a tokenizer that can be described as a tokenizer.json.
type filed interface{ pipeline() *pipeline }

// byteLevelStage returns the stage that writes each byte as a character.
func byteLevelStage(split bool) *stage {
	no, yes := false, true
	return &stage{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &split}
}

// pipeline returns a byte-pair model without merges after ByteLevel. The ids in the file
// are those of Bytes, not GPT-2's.
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
func (t byteTokenizer) Save(dir string) error { return t.pipeline().save(dir, usualConfig(t), nil) }

// pipeline returns a byte-pair model without merges, whose symbols are the characters.
// Hugging Face's drops characters that are not in the vocabulary, for which Append
// returns an error.
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
func (t *charTokenizer) Save(dir string) error { return t.pipeline().save(dir, usualConfig(t), nil) }

// pipeline returns what Hugging Face publishes for GPT-2, with this vocabulary.
func (t *byteLevel) pipeline() *pipeline {
	p := &pipeline{
		PreTokenizer: t.pattern.stages(), PostProcessor: byteLevelStage(true), Decoder: byteLevelStage(true),
		Model: &model{Type: "BPE", Vocab: t.vocabulary(), Merges: mergeList{}, IgnoreMerges: t.whole, FuseUnk: t.fuse},
	}
	if t.cutting != nil {
		p.PreTokenizer.byteLevel().AddPrefixSpace = &t.cutting.prefix // the rest of cutting comes from a file
	}
	if t.end >= 0 {
		p.AddedTokens = []addedToken{{ID: t.end, Content: EndOfText, Special: true}}
	}
	spelled := func(id int32) string {
		if written, ok := t.written[int(id)]; ok {
			return written
		}
		return spell(t.tokens[id])
	}
	for _, m := range t.merges.pairs {
		p.Model.Merges = append(p.Model.Merges, fileMerge{left: spelled(m.left), right: spelled(m.right)})
	}
	return p
}

// Save implements Tokenizer.
func (t *byteLevel) Save(dir string) error { return t.pipeline().save(dir, usualConfig(t), nil) }

// Save implements Tokenizer. It writes what the original files said: tokenizer.json as it was,
// with the tokens added since, and tokenizer_config.json, which now includes the contents of
// special_tokens_map.json and added_tokens.json.
func (a *added) Save(dir string) error {
	if !a.filed() {
		return fmt.Errorf("special tokens were added to the tokenizer %s, which is not of this package: it cannot be saved with them", a.Name())
	}
	return a.pipeline().save(dir, a.configuration(), a.files)
}

// filed reports whether the tokenizer inside can be described as a tokenizer.json.
func (a *added) filed() bool {
	_, ok := a.Tokenizer.(filed)
	return ok
}

// pipeline returns the pipeline of the tokenizer inside, with the added tokens.
func (a *added) pipeline() *pipeline {
	p := a.Tokenizer.(filed).pipeline()
	if s := a.source; s != nil {
		vocab, merges := p.Model.Vocab, p.Model.Merges
		one, m := *s, *s.Model
		m.Vocab, m.Merges = vocab, merges
		one.Model, p = &m, &one
	} else if len(a.before)+len(a.after) > 0 {
		p.PostProcessor = templateOf(a, a.before, a.after)
	}
	p.AddedTokens = slices.Clone(a.tokens)
	r := newRegister(p.Model.Vocab)
	if slices.ContainsFunc(p.AddedTokens, func(t addedToken) bool { return r.add(t) != t.ID }) {
		for _, t := range p.AddedTokens { // some would get other ids, unless the vocabulary has them
			p.Model.Vocab[t.Content] = t.ID
		}
	}
	return p
}

// without returns a pipeline without its vocabulary and its merges, which are large.
func (p *pipeline) without() *pipeline {
	one, m := *p, *p.Model
	m.Vocab, m.Merges, one.Model, one.AddedTokens = nil, nil, &m, nil
	return &one
}

// reading returns the part of a pipeline that encodes texts, as JSON, without the vocabulary.
func (p *pipeline) reading() []byte {
	one := p.without()
	one.Version, one.PostProcessor, one.Decoder, one.Truncation, one.Padding = "", nil, nil, nil, nil
	b, _ := json.Marshal(one) // which cannot fail: it was made here, or read from a file
	return b
}

// usual reports whether a file says the same as Save would for the tokenizer of its model.
func (p *pipeline) usual(t Tokenizer) bool {
	if p == nil {
		return true
	}
	ours := t.(filed).pipeline().without()
	ours.Version = p.Version
	a, err1 := json.Marshal(ours)
	b, err2 := json.Marshal(p)
	return err1 == nil && err2 == nil && bytes.Equal(a, b)
}

// usualConfig returns the tokenizer_config.json of a tokenizer without further settings.
func usualConfig(t Tokenizer) map[string]json.RawMessage {
	c := map[string]json.RawMessage{
		"tokenizer_class":              json.RawMessage(`"PreTrainedTokenizerFast"`),
		"clean_up_tokenization_spaces": json.RawMessage("false"),
	}
	if _, ok := t.EndOfText(); ok {
		end, _ := quote(EndOfText) // which cannot fail
		c["bos_token"], c["eos_token"] = end, end
	}
	return c
}

// configuration returns the tokenizer_config.json. Its class is the generic one that uses
// tokenizer.json, which holds everything, so that transformers does not build a tokenizer from
// the vocabulary instead.
func (a *added) configuration() map[string]json.RawMessage {
	c := usualConfig(a.Tokenizer)
	class := c["tokenizer_class"]
	if id, ok := a.EndOfText(); ok && a.text[id] != "" {
		end, _ := quote(a.text[id]) // which cannot fail
		c["eos_token"] = end
		if a.begin < 0 {
			c["bos_token"] = end
		}
	}
	maps.Copy(c, a.config)
	c["tokenizer_class"] = class
	if level := a.pipeline().PreTokenizer.byteLevel(); level != nil && level.AddPrefixSpace != nil {
		if _, said := c["add_prefix_space"]; said || *level.AddPrefixSpace {
			c["add_prefix_space"] = json.RawMessage(strconv.FormatBool(*level.AddPrefixSpace))
		}
	}
	if _, ok := c["added_tokens_decoder"]; ok {
		byID := make(map[string]addedToken)
		for _, t := range a.tokens {
			byID[strconv.Itoa(t.ID)] = t
		}
		c["added_tokens_decoder"], _ = json.Marshal(byID) // which cannot fail
	}
	return c
}

// symbols are the characters that stand for the bytes; bytesOf is the reverse.
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

// unspell is the reverse of spell; it returns false for a text that spell does not return.
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
