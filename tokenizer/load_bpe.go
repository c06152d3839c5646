package tokenizer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// plain returns an error if a model has features that no tokenizer here supports.
func (m *model) plain() error {
	switch {
	case m == nil:
		return errors.New("no model, want one of type \"BPE\"")
	case m.Type != "BPE":
		return fmt.Errorf("model.type is %q, want \"BPE\"", m.Type)
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("model.dropout is %v, want none", *m.Dropout)
	case m.ContinuingSubwordPrefix != nil && *m.ContinuingSubwordPrefix != "":
		return fmt.Errorf("model.continuing_subword_prefix is %q, want none", *m.ContinuingSubwordPrefix)
	case m.ByteFallback:
		return errors.New("model.byte_fallback is true, want false")
	}
	return nil
}

// byteLevel makes a byte-level tokenizer: GPT-2's kind, with any vocabulary.
func (p *pipeline) byteLevel() (*byteLevel, error) {
	m := p.Model
	if err := m.plain(); err != nil {
		return nil, err
	}
	switch {
	case m.EndOfWordSuffix != nil && *m.EndOfWordSuffix != "":
		return nil, fmt.Errorf("model.end_of_word_suffix is %q, want none with \"ByteLevel\"", *m.EndOfWordSuffix)
	case p.Decoder == nil || p.Decoder.Type != "ByteLevel":
		return nil, fmt.Errorf("decoder is %s, want \"ByteLevel\"", p.Decoder)
	}
	c, err := p.PreTokenizer.cutting()
	if err != nil {
		return nil, err
	}
	t, err := newLoaded(m.Vocab, m.Merges)
	if err != nil {
		return nil, err
	}
	if m.UnkToken != nil {
		if id, ok := m.Vocab[*m.UnkToken]; ok { // otherwise bytes without a token are an error
			t.unknown = int32(id)
		}
	}
	t.fuse, t.whole = m.FuseUnk, m.IgnoreMerges
	if c.pattern != nil {
		t.pattern = c.pattern
	}
	if c.prefix || c.whole || len(c.splits) > 0 {
		t.cutting = &c
	}
	return t.ready(), nil
}

// newLoaded makes a byteLevel from a vocabulary and its merges.
func newLoaded(v vocabulary, l mergeList) (*byteLevel, error) {
	table, err := l.table(v, func(left, right string) string { return left + right })
	if err != nil {
		return nil, err
	}
	t := &byteLevel{name: "bpe", pattern: &gpt2Pieces, merges: table, end: -1, unknown: -1, written: make(map[int]string)}
	if t.tokens, _, err = v.sparse(); err != nil {
		return nil, err
	}
	if len(t.tokens) == 0 {
		return nil, errors.New("model.vocab is empty")
	}
	for b, r := range byteSymbols() {
		id, ok := v[string(r)]
		if !ok {
			id, t.gaps = -1, true
		}
		t.byteID[b] = int32(id)
	}
	for id, written := range t.tokens {
		if token, ok := unspell(written); ok && written != "" {
			t.tokens[id] = token
		} else if hasKey(v, written) && v[written] == id {
			t.written[id] = written
		}
	}
	return t, nil
}

// ready completes a tokenizer from newLoaded. If it is GPT-2's, ready returns the shared one.
func (t *byteLevel) ready() *byteLevel {
	if len(t.tokens) == gpt2Size && t.cutting == nil && t.pattern == &gpt2Pieces && !t.whole && !t.gaps {
		if g, err := gpt2(); err == nil && slices.Equal(t.tokens, g.tokens) && slices.Equal(t.merges.pairs, g.merges.pairs) {
			return g
		}
	}
	t.findWords()
	return t
}

// vocabulary returns the tokens as files write them.
func (t *byteLevel) vocabulary() vocabulary {
	v := make(vocabulary, len(t.tokens))
	for id, token := range t.tokens {
		written, ok := t.written[id]
		if !ok && token == "" {
			continue // vacant
		}
		if !ok {
			written = spell(token)
		}
		v[written] = id
	}
	return v
}

// unmade returns a token of more than one symbol that no merge makes, or "". There is one if
// merges are missing. Tokens in apart do not count.
func unmade(v vocabulary, l mergeList, apart map[string]bool) string {
	made := make(map[string]bool, len(l))
	for _, m := range l {
		made[m.left+m.right] = true
	}
	for _, token := range slices.SortedFunc(maps.Keys(v), func(a, b string) int { return v[a] - v[b] }) {
		if utf8.RuneCountInString(token) > 1 && !made[token] && !apart[token] {
			return token
		}
	}
	return ""
}
