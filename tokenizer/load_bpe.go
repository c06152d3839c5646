package tokenizer

import (
	"errors"
	"fmt"
	"slices"
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

// byteLevel reads GPT-2's tokenizer over any vocabulary.
func (p *pipeline) byteLevel() (Tokenizer, error) {
	m := p.Model
	if err := m.plain(); err != nil {
		return nil, err
	}
	switch {
	case m.EndOfWordSuffix != nil && *m.EndOfWordSuffix != "":
		return nil, fmt.Errorf("model.end_of_word_suffix is %q, want none with \"ByteLevel\"", *m.EndOfWordSuffix)
	case m.IgnoreMerges:
		return nil, errors.New("model.ignore_merges is true, want false")
	case p.Normalizer != nil:
		return nil, fmt.Errorf("normalizer is %q, want none", p.Normalizer.Type)
	case p.PreTokenizer.AddPrefixSpace == nil || *p.PreTokenizer.AddPrefixSpace:
		return nil, fmt.Errorf("pre_tokenizer is %s, want add_prefix_space false", p.PreTokenizer)
	case p.Decoder == nil || p.Decoder.Type != "ByteLevel":
		return nil, fmt.Errorf("decoder is %s, want \"ByteLevel\"", p.Decoder)
	}
	if s := p.PostProcessor; s != nil && s.Type != "ByteLevel" && (s.Type != "TemplateProcessing" || len(s.SpecialTokens) > 0) {
		return nil, fmt.Errorf("post_processor is %q, want none, \"ByteLevel\", or \"TemplateProcessing\" without special_tokens", s.Type)
	}
	special, err := p.specials()
	if err != nil {
		return nil, err
	}
	return byteLevelOf(m.Vocab, m.Merges, special)
}

// specials are the added tokens.
func (p *pipeline) specials() ([]Special, error) {
	var all []Special
	for _, a := range p.AddedTokens {
		if a.Content == "" {
			return nil, fmt.Errorf("added_tokens: the token with id %d is empty", a.ID)
		}
		if !a.Special {
			return nil, fmt.Errorf("added_tokens: %q is not special; only special tokens can be added", a.Content)
		}
		all = append(all, Special{a.Content, a.ID})
	}
	return all, nil
}

// byteLevelOf makes a byteLevel of what files hold.
func byteLevelOf(v vocabulary, l mergeList, special []Special) (Tokenizer, error) {
	table, err := l.table(v, func(left, right string) string { return left + right })
	if err != nil {
		return nil, err
	}
	all, err := withSpecials(v, special)
	if err != nil {
		return nil, err
	}
	t := &byteLevel{name: "bpe", merges: table, special: special, end: -1}
	if t.tokens, err = all.tokens(); err != nil {
		return nil, err
	}
	isSpecial := make(map[int]bool)
	for i, s := range special {
		isSpecial[s.ID] = true
		if s.Text == EndOfText {
			t.end = i
		}
	}
	for b, r := range byteSymbols() {
		id, ok := v[string(r)]
		if !ok || isSpecial[id] {
			return nil, fmt.Errorf("model.vocab has no token for byte 0x%02x, written %q", b, string(r))
		}
		t.byteID[b] = int32(id)
	}
	made := make([]bool, len(t.tokens))
	for rank, id := range table.results {
		if p := table.pairs[rank]; isSpecial[int(id)] || isSpecial[int(p.left)] || isSpecial[int(p.right)] {
			return nil, fmt.Errorf("merge %q %q has to do with a special token", t.tokens[p.left], t.tokens[p.right])
		}
		made[id] = true
	}
	for id, written := range t.tokens {
		if isSpecial[id] {
			continue
		}
		token, ok := unspell(written)
		if !ok {
			return nil, fmt.Errorf("model.vocab: token %q is neither bytes nor special", clip(written))
		}
		if len(token) != 1 && !made[id] {
			return nil, fmt.Errorf("model.vocab: no merge makes token %q, id %d; are the merges complete?", clip(written), id)
		}
		t.tokens[id] = token
	}
	if len(t.tokens) == gpt2Size {
		if g, err := gpt2(); err == nil && slices.Equal(t.tokens, g.tokens) && slices.Equal(t.merges.pairs, g.merges.pairs) && slices.Equal(special, g.special) {
			return g, nil
		}
	}
	t.findWords()
	return t, nil
}

// withSpecials is a vocabulary and the special tokens that are not in it.
func withSpecials(v vocabulary, special []Special) (vocabulary, error) {
	all := make(vocabulary, len(v)+len(special))
	for token, id := range v {
		all[token] = id
	}
	for _, s := range special {
		if id, ok := all[s.Text]; ok && id != s.ID {
			return nil, fmt.Errorf("special token %q has ids %d and %d", s.Text, id, s.ID)
		}
		all[s.Text] = s.ID
	}
	return all, nil
}
