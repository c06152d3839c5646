package eval

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// WordCounts names the ways to count words: what stands between white space and the line
// ends, as the tokens of WikiText's own papers and GPT-2's are counted; or the parts that
// white space splits a text into, of which one at either end may be empty, as
// lm-evaluation-harness counts.
func WordCounts() []string { return []string{"with-line-ends", "split"} }

// textCounter counts the bytes and, as Perplexity.Words says, the words of a text that is written
// to it in any parts.
type textCounter struct {
	split bool
	size  int
	found int    // words that begin, or with split, gaps
	lines int    // line ends
	other bool   // the last character was one of a word, or with split, of a gap
	part  []byte // of a character that is not whole yet
}

// Write implements io.Writer.
func (c *textCounter) Write(p []byte) (int, error) {
	c.size += len(p)
	text := p
	if len(c.part) > 0 {
		text = append(c.part, p...)
	}
	for len(text) > 0 && utf8.FullRune(text) {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		c.character(r)
	}
	c.part = bytes.Clone(text)
	return len(p), nil
}

func (c *textCounter) character(r rune) {
	counts := !unicode.IsSpace(r)
	if c.split {
		counts = isSpace(r)
	}
	if counts && !c.other {
		c.found++
	}
	c.other = counts
	if r == '\n' {
		c.lines++
	}
}

// words is their number at the end of the text.
func (c *textCounter) words() int {
	for range c.part { // what never became a character
		c.character(utf8.RuneError)
	}
	c.part = nil
	if c.split {
		return c.found + 1
	}
	return c.found + c.lines
}

// text counts a text that is there as a whole.
func (c *textCounter) text(text string) (words, size int) {
	one := textCounter{split: c.split}
	strings.NewReader(text).WriteTo(&one) // never fails
	return one.words(), one.size
}
