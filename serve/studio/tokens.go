package studio

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/legible"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// mostTokens is the length of the longest text, in tokens. The lens limits how much of it is read at once.
const mostTokens = 50_000

// given is the text of a request: a string, or token ids.
type given struct {
	Model string  `json:"model"`
	Text  *string `json:"text,omitempty"`
	IDs   []int   `json:"ids,omitempty"`
	Begin bool    `json:"begin,omitempty"` // prepend the token that begins a text
	Plain bool    `json:"plain,omitempty"` // take special tokens that are written in the text as text
}

// spelled is a tokenized text.
type spelled struct {
	ids    []int
	hidden int // how many of the first tokens are not part of the text
	text   string
	pieces []string // readable text of each token
	ranges [][2]int // where each token is in the text, in UTF-16 units, which browsers count
}

// spell tokenizes the text of a request, or decodes its ids.
func (g given) spell(m *serve.Model) (*spelled, error) {
	s := &spelled{}
	before, _ := tokenizer.Around(m.Tokenizer)
	if g.Text == nil {
		if err := checkIDs(m, g.IDs); err != nil {
			return nil, err
		}
		s.ids = g.IDs
		if empty := tokenizer.EmptyPrompt(m.Tokenizer); len(s.ids) == 0 {
			s.ids, s.hidden = empty, len(empty)
		} else if len(before) > 0 && len(s.ids) >= len(before) && slices.Equal(s.ids[:len(before)], before) {
			s.hidden = len(before)
		} else if len(before) == 0 && slices.Equal(s.ids[:min(len(s.ids), len(empty))], empty) {
			s.hidden = len(empty)
		}
		pieces, err := s.split(m)
		if err != nil {
			return nil, err
		}
		s.place(pieces)
		return s, nil
	}
	encode := tokenizer.ReadSpecial(m.Tokenizer).Append
	if g.Plain {
		encode = m.Tokenizer.Append
	}
	ids, err := encode(nil, []byte(*g.Text))
	switch {
	case err != nil:
		return nil, wrong(http.StatusBadRequest, "text", "%v", err)
	case len(ids) > mostTokens:
		return nil, wrong(http.StatusBadRequest, "text", "the text has %d tokens; want %d at most", len(ids), mostTokens)
	case len(ids) == 0 || g.Begin && len(before) == 0:
		before = tokenizer.EmptyPrompt(m.Tokenizer)
	}
	s.ids, s.hidden = append(slices.Clone(before), ids...), len(before)
	pieces, err := s.split(m)
	if err != nil {
		return nil, err
	}
	s.text = *g.Text
	if text := bytes.Join(pieces[s.hidden:], nil); string(text) == *g.Text && utf8.Valid(text) {
		s.place(pieces)
	} else {
		s.ranges = align(*g.Text, pieces)
	}
	return s, nil
}

// checkIDs refuses ids that are not tokens of a model, and too many of them.
func checkIDs(m *serve.Model, ids []int) error {
	if len(ids) > mostTokens {
		return wrong(http.StatusBadRequest, "ids", "%d tokens; want %d at most", len(ids), mostTokens)
	}
	vocab := min(models.DimsOf(m.Model).Vocab, m.Tokenizer.Size())
	for i, id := range ids {
		if id < 0 || id >= vocab {
			return wrong(http.StatusBadRequest, "ids", "ids[%d] is %d; the vocabulary has 0 to %d", i, id, vocab-1)
		}
	}
	return nil
}

// split decodes the tokens one by one.
func (s *spelled) split(m *serve.Model) (pieces [][]byte, err error) {
	var text []byte
	tok := tokenizer.Following(m.Tokenizer, s.ids[:s.hidden])
	for i, id := range s.ids {
		reads := tok
		if i < s.hidden {
			reads = m.Tokenizer
		}
		from := len(text)
		if text, err = reads.AppendText(text, []int{id}); err != nil {
			return nil, err
		}
		piece := text[from:]
		pieces = append(pieces, piece)
		s.pieces = append(s.pieces, readable(piece))
	}
	return pieces, nil
}

// place joins the pieces to the text and sets their ranges in it. A character made of several tokens belongs to the
// first.
func (s *spelled) place(pieces [][]byte) {
	var text []byte
	ends := make([]int, len(pieces)) // in bytes
	for i, p := range pieces {
		if i >= s.hidden {
			text = append(text, p...)
		}
		ends[i] = len(text)
	}
	s.ranges = make([][2]int, len(pieces))
	var out strings.Builder
	at, units := 0, 0
	for i := range pieces {
		from := units
		for at < ends[i] {
			n, whole := legible.Unit(text[at:]) // as the server has it in what a model writes
			r := utf8.RuneError
			if whole {
				r, _ = utf8.DecodeRune(text[at:])
			}
			out.WriteRune(r)
			at, units = at+n, units+width16(r)
		}
		s.ranges[i] = [2]int{from, units}
	}
	s.text = out.String()
}

// width16 returns how many UTF-16 units a character takes.
func width16(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

// near is how many characters ahead align looks in the text for a character of a token.
const near = 12

// align finds the ranges of tokens in a text that the tokenizer changes, as GPT-1's does by lowercasing: it matches
// characters in order, ignoring case and spaces.
func align(text string, pieces [][]byte) [][2]int {
	runes := []rune(text)
	units := make([]int, len(runes)+1)
	for i, r := range runes {
		units[i+1] = units[i] + width16(r)
	}
	ranges := make([][2]int, len(pieces))
	at, end := 0, 0
	for i, p := range pieces {
		from := end
		for _, r := range string(p) {
			if unicode.IsSpace(r) {
				continue
			}
			for k := at; k < min(at+near, len(runes)); k++ {
				if runes[k] == r || unicode.ToLower(runes[k]) == unicode.ToLower(r) {
					at, end = k+1, k+1
					break
				}
			}
		}
		ranges[i] = [2]int{units[from], units[end]}
	}
	return ranges
}

// readable returns the text of a token, with bytes that are not valid UTF-8 written in hexadecimal.
func readable(piece []byte) string {
	if utf8.Valid(piece) {
		return string(piece)
	}
	var b strings.Builder
	for len(piece) > 0 {
		r, size := utf8.DecodeRune(piece)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, "⟨%02x⟩", piece[0])
		} else {
			b.WriteRune(r)
		}
		piece = piece[size:]
	}
	return b.String()
}

// written returns the text of a token.
func written(m *serve.Model, id int) string {
	if id >= m.Tokenizer.Size() {
		return fmt.Sprintf("⟨%d⟩", id) // pads the model's vocabulary
	}
	text, err := m.Tokenizer.AppendText(nil, []int{id})
	if err != nil {
		return fmt.Sprintf("⟨%d⟩", id)
	}
	return readable(text)
}
