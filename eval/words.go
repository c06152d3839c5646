package eval

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// WordCounts returns the names of the ways to count words. "with-line-ends" counts words between
// white space and also line ends, as WikiText's papers and GPT-2's count tokens. "split" counts the
// parts that white space splits a text into, of which the first and the last may be empty, as
// lm-evaluation-harness does.
func WordCounts() []string { return []string{"with-line-ends", "split"} }

// textCounter counts the bytes and, as Perplexity.Words says, the words of a text that is written
// to it in parts.
type textCounter struct {
	split bool
	size  int
	found int    // words that have begun; with split, gaps between words
	lines int    // line ends
	other bool   // the last character was in a word; with split, in a gap
	part  []byte // the beginning of an incomplete character
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

// words returns the number of words. It is called at the end of the text.
func (c *textCounter) words() int {
	for range c.part { // a character that was never completed
		c.character(utf8.RuneError)
	}
	c.part = nil
	if c.split {
		return c.found + 1
	}
	return c.found + c.lines
}

// text counts the words and bytes of a whole text.
func (c *textCounter) text(text string) (words, size int) {
	one := textCounter{split: c.split}
	strings.NewReader(text).WriteTo(&one) // never fails
	return one.words(), one.size
}
