package serve

import (
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/generate"
)

// part is what comes of a choice at a time: some text that is certain, with the tokens that it is made of.
type part struct {
	choice int
	kind   kind
	text   string
	tokens []placed
	finish string // why the choice ends with it; "" if it goes on
	err    *Error // which ends it instead
}

// kind is what a part is of: a text's prompt that is echoed, what is said, or thought on the way to it, or what tells these apart.
type kind int

const (
	said kind = iota
	echoed
	thought
	between
)

// placed is a token with where it begins in its choice's text, in characters.
type placed struct {
	generate.Token
	offset int
}

// choice makes parts of the tokens of one text that is written.
type choice struct {
	text   *generate.Text // of what source gives
	source pieces
	begins []int    // of waiting tokens, in bytes
	wait   []placed // tokens whose text is not certain yet
	length int      // bytes of source's
	given  int      // bytes that are certain
	all    []byte   // what was given
	before int      // characters before it
	chars  int      // in its first count bytes
	count  int
}

// pieces is what a text is put together of, as generate.Text takes it: token i is piece i.
type pieces struct{ all []string }

// AppendText implements generate.Decoder.
func (p *pieces) AppendText(text []byte, ids []int) ([]byte, error) {
	for _, i := range ids {
		text = append(text, p.all[i]...)
	}
	return text, nil
}

// newChoice returns one that ends before the texts stops.
func newChoice(stops []string) *choice {
	c := new(choice)
	c.text = generate.NewText(&c.source, stops...)
	return c
}

// add takes a token, with what it adds to the text, and returns what is certain then.
func (c *choice) add(t generate.Token, text string) (string, []placed) {
	c.wait, c.begins = append(c.wait, placed{Token: t}), append(c.begins, c.length)
	c.length += len(text)
	if text == "" {
		return c.release("", false)
	}
	c.source.all = append(c.source.all, text)
	certain, _ := c.text.Add(len(c.source.all) - 1) // our own pieces have no errors
	c.source.all[len(c.source.all)-1] = ""
	return c.release(certain, c.text.Stopped())
}

// rest returns what is left when there are no more tokens.
func (c *choice) rest() (string, []placed) { return c.release(c.text.Rest(), true) }

// release hands out the tokens that begin in the text that is certain; those that begin behind its end are no part of it, but for one that has no text.
func (c *choice) release(certain string, last bool) (string, []placed) {
	c.given += len(certain)
	c.all = append(c.all, certain...)
	n := 0
	for n < len(c.wait) && (c.begins[n] < c.given || last && c.begins[n] == c.given && c.begins[n] == c.length) {
		n++
	}
	tokens := c.wait[:n:n]
	for i := range tokens {
		tokens[i].offset = c.characters(c.begins[i])
	}
	c.wait, c.begins = c.wait[n:], c.begins[n:]
	return certain, tokens
}

// characters is how many begin before a byte of the text; a token that begins within one has the place of that.
func (c *choice) characters(at int) int {
	for back := 1; back < utf8.UTFMax && back <= at; back++ {
		if r, size := utf8.DecodeRune(c.all[at-back:]); r != utf8.RuneError && size > back {
			at -= back
			break
		}
	}
	if at < c.count {
		return c.before + c.chars
	}
	c.chars += utf8.RuneCount(c.all[c.count:at])
	c.count = at
	return c.before + c.chars
}
