package tokenizer

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer"
	sugarmenormal "github.com/sugarme/tokenizer/normalizer"
)

// Sugarme wraps a Tokenizer for code written for github.com/sugarme/tokenizer:
// EncodeSingle, Encode, Decode, offsets in bytes. Special tokens are registered there,
// so unlike with Append, EndOfText in a text becomes its id. Tokens of GPT-1 have the
// offsets of their word: its letters have changed, so the tokens have no exact offsets.
//
// That library's faults remain: on a text that is not valid UTF-8 it panics
// before it calls the tokenizer; it uses about a kilobyte per token; EncodeBatch
// ends the process at the first error; DecodeBatch returns texts in random order.
// Use Append and AppendText for data.
func Sugarme(t Tokenizer) (*sugarme.Tokenizer, error) {
	m := &sugarmeModel{t: t, added: finding(t), text: make([]string, t.Size()), id: make(map[string]int, t.Size())}
	if why := m.added.changes(); why != "" {
		return nil, fmt.Errorf("the tokenizer %s %s, so its tokens have no offsets in a text: use Append", t.Name(), why)
	}
	words, ofWords := m.added.Tokenizer.(*gpt1)
	for id := range m.text {
		if ofWords && id < len(words.tokens) {
			m.text[id] = words.tokens[id]
		} else {
			b, err := t.AppendText(nil, []int{id})
			if err != nil {
				return nil, err
			}
			m.text[id] = string(b)
		}
		m.id[m.text[id]] = id
	}
	s := sugarme.NewTokenizer(m)
	s.WithDecoder(joiner{})
	if ofWords {
		m.words = words
		s.WithPreTokenizer(dropWordless{m})
		s.WithDecoder(wordJoiner{})
	}
	var registered []sugarme.AddedToken
	for _, one := range Specials(t) {
		registered = append(registered, sugarme.NewAddedToken(one.Text, true))
	}
	if len(registered) > 0 {
		s.AddSpecialTokens(registered)
	}
	return s, nil
}

// changes says how a tokenizer changes a text before it encodes it; "" if it does not.
func (a *added) changes() string {
	if a.normalize != nil {
		return "normalizes texts"
	}
	for _, t := range a.tokens {
		if t.LStrip || t.RStrip {
			return fmt.Sprintf("strips white space around %q", t.Content)
		}
	}
	if _, ok := a.Tokenizer.(*pieced); ok {
		return "replaces spaces with U+2581"
	}
	if t, ok := a.Tokenizer.(*byteLevel); ok && (t.cutting != nil && (t.cutting.prefix || t.cutting.atWill) || t.gaps) {
		return "adds spaces, leaves parts out, or has an unknown token"
	}
	return ""
}

// sugarmeModel encodes whole texts, so that no PreTokenizer is needed: that
// library's split GPT-2's words incorrectly. Its tokens are the bytes they stand
// for, or GPT-1's as they are written.
type sugarmeModel struct {
	t     Tokenizer
	added *added   // t, with its special tokens found in texts
	words *gpt1    // t is GPT-1's
	text  []string // by id
	id    map[string]int
}

// Tokenize implements sugarme's Model. It finds the special tokens itself, because the
// library, which searches for one after the other, misses some if there are several.
func (m *sugarmeModel) Tokenize(text string) ([]sugarme.Token, error) {
	if !utf8.ValidString(text) {
		// Some such texts get here; the offsets that the library would compute
		// from the tokens would be wrong or out of range.
		return nil, errors.New("not valid UTF-8, which sugarme/tokenizer cannot take: use Append")
	}
	var tokens []sugarme.Token
	var err error
	add := func(at int, t *addedToken) bool {
		tokens = append(tokens, sugarme.Token{Id: t.ID, Value: t.Content, Offsets: []int{at, at + len(t.Content)}})
		return true
	}
	between(m.added.raw, []byte(text), true, func(at int, part []byte, token *addedToken) bool {
		if token != nil {
			return add(at, token)
		}
		between(m.added.normal, part, true, func(i int, part []byte, token *addedToken) bool {
			if token != nil {
				return add(at+i, token)
			}
			tokens, err = m.plain(tokens, string(part), at+i)
			return err == nil
		})
		return err == nil
	})
	return tokens, err
}

// plain appends the tokens of a text without special ones, which begins at an offset.
func (m *sugarmeModel) plain(tokens []sugarme.Token, text string, at int) ([]sugarme.Token, error) {
	if m.words != nil {
		c := m.words.caches.take()
		defer m.words.caches.give(c)
		w := basicWords{text: []byte(text)}
		for w.next() {
			for _, id := range m.words.word(c, w.word) {
				tokens = append(tokens, sugarme.Token{Id: int(id), Value: m.text[id], Offsets: []int{at + w.start, at + w.end}})
			}
		}
		return tokens, nil
	}
	ids, err := m.added.Tokenizer.Append(nil, []byte(text))
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		end := at + len(m.text[id])
		tokens = append(tokens, sugarme.Token{Id: id, Value: m.text[id], Offsets: []int{at, end}})
		at = end
	}
	return tokens, nil
}

// TokenToId implements sugarme's Model.
func (m *sugarmeModel) TokenToId(token string) (int, bool) {
	id, ok := m.id[token]
	return id, ok
}

// IdToToken implements sugarme's Model.
func (m *sugarmeModel) IdToToken(id int) (string, bool) {
	if id < 0 || id >= len(m.text) {
		return "", false
	}
	return m.text[id], true
}

// GetVocab implements sugarme's Model. Each call makes a new map, because
// GetVocab(true) of the library's Tokenizer writes into it.
func (m *sugarmeModel) GetVocab() map[string]int { return maps.Clone(m.id) }

// GetVocabSize implements sugarme's Model.
func (m *sugarmeModel) GetVocabSize() int { return len(m.text) }

// Save implements sugarme's Model.
func (m *sugarmeModel) Save(dir string, _ ...string) error { return m.t.Save(dir) }

// joiner is the Decoder for tokens that are bytes.
type joiner struct{}

// Decode implements sugarme's Decoder.
func (joiner) Decode(tokens []string) string { return strings.Join(tokens, "") }

// DecodeChain implements sugarme's Decoder.
func (joiner) DecodeChain(tokens []string) []string { return tokens }

// dropWordless drops a text without a word, such as white space: to the library it is an
// error if a Model finds no token.
type dropWordless struct{ m *sugarmeModel }

// PreTokenize implements sugarme's PreTokenizer.
func (d dropWordless) PreTokenize(p *sugarme.PreTokenizedString) (*sugarme.PreTokenizedString, error) {
	return p.Split(func(_ int, n *sugarmenormal.NormalizedString) []sugarme.SplitIdx {
		tokens, err := d.m.Tokenize(n.GetNormalized())
		if err == nil && len(tokens) == 0 {
			return nil
		}
		return []sugarme.SplitIdx{{Normalized: n}}
	}), nil
}

// wordJoiner is the Decoder for tokens that mark the ends of words.
type wordJoiner struct{}

// Decode implements sugarme's Decoder.
func (wordJoiner) Decode(tokens []string) string {
	return strings.TrimSuffix(strings.Join(wordJoiner{}.DecodeChain(tokens), ""), " ")
}

// DecodeChain implements sugarme's Decoder.
func (wordJoiner) DecodeChain(tokens []string) []string {
	all := make([]string, len(tokens))
	for i, token := range tokens {
		text, last := strings.CutSuffix(token, wordEnd)
		if last {
			text += " "
		}
		all[i] = text
	}
	return all
}
