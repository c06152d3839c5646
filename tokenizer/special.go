package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// A Special is a token that no text gives: it stands for itself, such as the end of
// text. Text is how it is written.
type Special struct {
	Text string
	ID   int
}

// Taking returns the added tokens of t that take in white space beside them, or are found as whole words alone, which a mere
// vocabulary does not tell: see [ToMerges] and [ToPieces].
func Taking(t Tokenizer) []Special {
	var all []Special
	for _, a := range addedTokens(t) {
		if a.LStrip || a.RStrip || a.SingleWord {
			all = append(all, Special{a.Content, a.ID})
		}
	}
	return all
}

// Specials returns the special tokens of t.
func Specials(t Tokenizer) []Special {
	var all []Special
	for _, a := range addedTokens(t) {
		if a.Special {
			all = append(all, Special{a.Content, a.ID})
		}
	}
	return all
}

// addedTokens are the tokens of t that are found in a text before it is cut.
func addedTokens(t Tokenizer) []addedToken {
	switch t := t.(type) {
	case *added:
		return t.tokens
	case reading:
		return addedTokens(t.Tokenizer)
	}
	if id, ok := t.EndOfText(); ok {
		return []addedToken{{ID: id, Content: EndOfText, Special: true}}
	}
	return nil
}

// AppendSpecial encodes text as t.Append does, but a special token that is written
// in text becomes its id. Where several begin at one place, it is the longest. Only
// text that one trusts is for this: documents go through Append.
func AppendSpecial(t Tokenizer, ids []int, text []byte) ([]int, error) {
	return finding(t).encode(ids, text, true, nil)
}

// AppendSpecialBut encodes text as AppendSpecial does, but takes a mark out of what stands between tokens. So a
// special token that is written with the mark in it is text: what somebody says, within a text that one trusts.
func AppendSpecialBut(t Tokenizer, ids []int, text []byte, mark string) ([]int, error) {
	return finding(t).encode(ids, text, true, []byte(mark))
}

// ReadSpecial returns t with an Append that is AppendSpecial, for texts in which special
// tokens are written as such.
func ReadSpecial(t Tokenizer) Tokenizer {
	if _, ok := t.(reading); ok {
		return t
	}
	return reading{t}
}

// ReadsSpecial tells whether t is one of ReadSpecial's.
func ReadsSpecial(t Tokenizer) bool {
	_, ok := t.(reading)
	return ok
}

// reading reads special tokens.
type reading struct{ Tokenizer }

// Append implements Tokenizer.
func (r reading) Append(ids []int, text []byte) ([]int, error) {
	return AppendSpecial(r.Tokenizer, ids, text)
}

// plainly is t without ReadSpecial.
func plainly(t Tokenizer) Tokenizer {
	if r, ok := t.(reading); ok {
		return r.Tokenizer
	}
	return t
}

// Beginning is the id of the token that stands before a text, if the tokenizer's files name
// one; else it is the end of the text before.
func Beginning(t Tokenizer) (id int, ok bool) {
	if a, is := plainly(t).(*added); is && a.begin >= 0 {
		return a.begin, true
	}
	return t.EndOfText()
}

// Around are the ids that the tokenizer's files put before and after a text for the model:
// a beginning of text, say. Append does not give them.
func Around(t Tokenizer) (before, after []int) {
	if a, is := plainly(t).(*added); is {
		return a.before, a.after
	}
	return nil, nil
}

// Manner tells tokenizers apart that have the same tokens but read a text in another manner:
// special tokens in it, a space in front of it, white space that is stripped. It is "" for those
// that this package makes.
func Manner(t Tokenizer) string {
	manner := ""
	if a, ok := plainly(t).(*added); ok && a.filed() {
		p := a.pipeline()
		added := p.AddedTokens
		all, usual := p.reading(), a.Tokenizer.(filed).pipeline().reading()
		if a.raw.plain || a.normal.plain || a.changes() != "" || !bytes.Equal(all, usual) {
			b, _ := json.Marshal(added) // which cannot fail
			manner = fmt.Sprintf("%x", sha256.Sum256(append(all, b...)))[:16]
		}
	}
	if ReadsSpecial(t) {
		manner += " special"
	}
	return manner
}

// CutFor is Cut for what one tokenizer says of text: 0 also where it merges across white
// space, and never within or beside a token that was added to it.
func CutFor(t Tokenizer, text []byte) int {
	if r, ok := t.(reading); ok {
		return finding(r.Tokenizer).cut(text)
	}
	if c, ok := t.(interface{ cut(text []byte) int }); ok {
		return c.cut(text)
	}
	return Cut(text)
}
