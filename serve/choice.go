package serve

import (
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/internal/legible"
)

// part is a part of a choice: text that can no longer change, and its tokens.
type part struct {
	choice int
	kind   kind
	text   string
	tokens []placed
	finish string // why the choice ends with this part; "" if it does not
	err    *Error // ends the choice instead
}

// kind is the kind of a part: an answer (said), an echoed prompt, reasoning before an answer (thought), or tokens
// between such parts, such as headers of messages.
type kind int

const (
	said kind = iota
	echoed
	thought
	between
)

// placed is a token with the offset, in characters, at which it begins in the text of its choice.
type placed struct {
	generate.Token
	offset int
}

// choice turns the tokens of a text into parts.
type choice struct {
	text   *generate.Text // decodes the pieces of source
	source pieces
	begins []int    // where the tokens of wait begin, in bytes
	wait   []placed // tokens whose text is not certain yet
	length int      // bytes of text added
	given  int      // bytes of text returned
	all    []byte   // the text returned
	before int      // characters of the choice before this text
	chars  int      // characters in the first count bytes of all
	count  int
}

// pieces is the generate.Decoder for a text that is made of pieces: token i is piece i.
type pieces struct{ all []string }

// AppendText implements generate.Decoder.
func (p *pieces) AppendText(text []byte, ids []int) ([]byte, error) {
	for _, i := range ids {
		text = append(text, p.all[i]...)
	}
	return text, nil
}

// newChoice returns a choice that ends before any of the texts stops.
func newChoice(stops []string) *choice {
	c := new(choice)
	c.text = generate.NewText(&c.source, stops...)
	return c
}

// add adds a token with the text that it stands for, and returns the text that has become certain, with its tokens.
func (c *choice) add(t generate.Token, text string) (string, []placed) {
	c.wait, c.begins = append(c.wait, placed{Token: t}), append(c.begins, c.length)
	c.length += len(text)
	if text == "" {
		return c.release("", false)
	}
	c.source.all = append(c.source.all, text)
	certain, _ := c.text.Add(len(c.source.all) - 1) // pieces returns no errors
	c.source.all[len(c.source.all)-1] = ""
	return c.release(certain, c.text.Stopped())
}

// rest returns the text and tokens that were held back. It is called after the last token.
func (c *choice) rest() (string, []placed) { return c.release(c.text.Rest(), true) }

// release returns text that is certain, with the tokens that begin in it. If it is the last, this includes tokens
// without text at its end; tokens that begin beyond it, after a stop text, are dropped.
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

// characters returns how many characters begin before a byte of the text. If the byte is within a character, or in the
// part of one that [legible.Text] replaces, it returns the offset of that character.
func (c *choice) characters(at int) int {
	for back := 1; back < utf8.UTFMax && back <= at; back++ {
		if size, _ := legible.Unit(c.all[at-back:]); size > back {
			at -= back
			break
		}
	}
	if at < c.count {
		return c.before + c.chars
	}
	c.chars += legible.Characters(c.all[c.count:at])
	c.count = at
	return c.before + c.chars
}
