package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// A Special is a token that ordinary text is never encoded as, such as the end of text.
// Text is how it is written.
type Special struct {
	Text string
	ID   int
}

// Taking returns the added tokens of t that strip adjacent white space or are found only as whole words, which the
// vocabularies of [ToMerges] and [ToPieces] do not express.
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

// addedTokens returns the tokens of t that are found in a text before it is cut.
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
// in text becomes its id. If several begin at the same place, the longest counts. Use
// it only for text that is trusted, and Append for documents.
func AppendSpecial(t Tokenizer, ids []int, text []byte) ([]int, error) {
	return finding(t).encode(ids, text, true, nil)
}

// AppendSpecialBut encodes text as AppendSpecial does, but removes mark from the text between tokens. A special
// token that is written with the mark in it is therefore text. This is for untrusted parts of a trusted text.
func AppendSpecialBut(t Tokenizer, ids []int, text []byte, mark string) ([]int, error) {
	return finding(t).encode(ids, text, true, []byte(mark))
}

// ReadSpecial returns t with AppendSpecial as its Append, for texts in which special tokens
// are written out.
func ReadSpecial(t Tokenizer) Tokenizer {
	if _, ok := t.(reading); ok {
		return t
	}
	return reading{t}
}

// ReadsSpecial reports whether t was returned by ReadSpecial.
func ReadsSpecial(t Tokenizer) bool {
	_, ok := t.(reading)
	return ok
}

// reading is a tokenizer that finds special tokens in texts.
type reading struct{ Tokenizer }

// Append implements Tokenizer.
func (r reading) Append(ids []int, text []byte) ([]int, error) {
	return AppendSpecial(r.Tokenizer, ids, text)
}

// plainly returns t without ReadSpecial.
func plainly(t Tokenizer) Tokenizer {
	if r, ok := t.(reading); ok {
		return r.Tokenizer
	}
	return t
}

// Beginning returns the id of the token at the beginning of a text, if the tokenizer's files
// name one; else that of the end of text, which ends the text before.
func Beginning(t Tokenizer) (id int, ok bool) {
	if a, is := plainly(t).(*added); is && a.begin >= 0 {
		return a.begin, true
	}
	return t.EndOfText()
}

// Around returns the ids that the tokenizer's files put before and after a text for the model,
// such as a beginning of text. Append does not add them.
func Around(t Tokenizer) (before, after []int) {
	if a, is := plainly(t).(*added); is {
		return a.before, a.after
	}
	return nil, nil
}

// Manner distinguishes tokenizers that have the same tokens but encode a text differently: with
// special tokens in it, with a space in front, or with white space stripped. It is "" for
// tokenizers made by this package.
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

// CutFor is Cut for a particular tokenizer. It also returns 0 if t merges across white space,
// and it never cuts within or next to an added token of t.
func CutFor(t Tokenizer, text []byte) int {
	if r, ok := t.(reading); ok {
		return finding(r.Tokenizer).cut(text)
	}
	if c, ok := t.(interface{ cut(text []byte) int }); ok {
		return c.cut(text)
	}
	return Cut(text)
}
