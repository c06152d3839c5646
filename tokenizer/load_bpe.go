package tokenizer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// plain tells what a model has beyond byte pairs that no tokenizer here has.
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

// byteLevel reads a byte-level tokenizer: GPT-2's kind over any vocabulary.
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
		if id, ok := m.Vocab[*m.UnkToken]; ok { // else the bytes without a token are an error, as there
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

// newLoaded makes a byteLevel of a vocabulary and its merges.
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

// ready finishes what newLoaded began. GPT-2's tokenizer is the one that there is.
func (t *byteLevel) ready() *byteLevel {
	if len(t.tokens) == gpt2Size && t.cutting == nil && t.pattern == &gpt2Pieces && !t.whole && !t.gaps {
		if g, err := gpt2(); err == nil && slices.Equal(t.tokens, g.tokens) && slices.Equal(t.merges.pairs, g.merges.pairs) {
			return g
		}
	}
	t.findWords()
	return t
}

// vocabulary is how files write the tokens.
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

// unmade is a token of a vocabulary that no merge makes, of more than one symbol, or "": what
// merges that are not complete look like. Those that are apart are none.
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
