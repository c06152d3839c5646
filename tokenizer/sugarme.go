package tokenizer

import (
	"errors"
	"maps"
	"strings"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer"
)

// Sugarme wraps a lossless Tokenizer for code written for
// github.com/sugarme/tokenizer: EncodeSingle, Encode, Decode, offsets in bytes.
// The end of text is registered there as the special token, so unlike with
// Append, EndOfText in a text becomes its id.
//
// That library's faults stay: on a text that is not valid UTF-8 it panics
// before it asks anyone; it spends about a kilobyte a token; EncodeBatch ends
// the process at the first error; DecodeBatch returns texts in random order.
// Use Append and AppendText for data.
func Sugarme(t Tokenizer) (*sugarme.Tokenizer, error) {
	m := &sugarmeModel{t: t, text: make([]string, t.Size()), id: make(map[string]int, t.Size())}
	for id := range m.text {
		b, err := t.AppendText(nil, []int{id})
		if err != nil {
			return nil, err
		}
		m.text[id] = string(b)
		m.id[m.text[id]] = id
	}
	s := sugarme.NewTokenizer(m)
	s.WithDecoder(joiner{})
	if _, ok := t.EndOfText(); ok {
		s.AddSpecialTokens([]sugarme.AddedToken{sugarme.NewAddedToken(EndOfText, true)})
	}
	return s, nil
}

// sugarmeModel takes whole texts, so that no PreTokenizer is needed: that
// library's cut GPT-2's words wrongly. Its tokens are the bytes they stand for.
type sugarmeModel struct {
	t    Tokenizer
	text []string // by id
	id   map[string]int
}

// Tokenize implements sugarme's Model.
func (m *sugarmeModel) Tokenize(text string) ([]sugarme.Token, error) {
	if !utf8.ValidString(text) {
		// Some reach this point; the offsets that the library makes of the
		// tokens would be wrong or out of range.
		return nil, errors.New("not valid UTF-8, which sugarme/tokenizer cannot take: use Append")
	}
	ids, err := m.t.Append(nil, []byte(text))
	if err != nil {
		return nil, err
	}
	tokens := make([]sugarme.Token, len(ids))
	at := 0
	for i, id := range ids {
		end := at + len(m.text[id])
		tokens[i] = sugarme.Token{Id: id, Value: m.text[id], Offsets: []int{at, end}}
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

// GetVocab implements sugarme's Model. Each call makes a new map, for
// GetVocab(true) of the shell writes into what it gets.
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
