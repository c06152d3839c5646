package tokenizer

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// finder finds added tokens in a text: the first place where one is written, and the longest
// of those written there.
type finder struct {
	byFirst [256][]pattern // by first byte, the longest first
	longest int
	plain   bool // some of them are not special
}

// pattern is an added token as it is written in the text that is searched.
type pattern struct {
	text string
	*addedToken
}

// newFinder makes a finder of patterns.
func newFinder(patterns []pattern) *finder {
	f := &finder{}
	for _, p := range patterns {
		f.byFirst[p.text[0]] = append(f.byFirst[p.text[0]], p)
		f.longest = max(f.longest, len(p.text))
		f.plain = f.plain || !p.Special
	}
	for _, list := range f.byFirst {
		slices.SortStableFunc(list, func(a, b pattern) int { return len(b.text) - len(a.text) })
	}
	return f
}

// found is an added token in a text, including the white space that it strips.
type found struct {
	start, end int
	token      *addedToken
}

// all finds the tokens in a text, special ones only if special is set. As in Hugging Face's
// tokenizers, text that matches a token that does not count here, or one that must be a whole
// word but is not, is not searched for other tokens; and a token that is white space is also
// found in white space that another token has stripped.
func (f *finder) all(text []byte, special bool) []found {
	var tokens []found
	done := 0 // end of the text given to tokens so far
	for i := 0; i < len(text); {
		p, ok := f.at(text[i:])
		if !ok {
			i++
			continue
		}
		start, end := i, i+len(p.text)
		i = end
		if p.Special && !special {
			continue
		}
		if p.SingleWord && (endsInWord(text[:start]) || beginsWithWord(text[end:])) {
			continue
		}
		if p.LStrip {
			start = max(done, len(bytes.TrimRightFunc(text[:start], isWhite)))
		}
		if p.RStrip {
			end = len(text) - len(bytes.TrimLeftFunc(text[end:], isWhite))
		}
		if start < end {
			tokens = append(tokens, found{start, end, p.addedToken})
		}
		done = end
	}
	return tokens
}

// at returns the longest token at the start of a text.
func (f *finder) at(text []byte) (pattern, bool) {
	for _, p := range f.byFirst[text[0]] {
		if len(p.text) <= len(text) && string(text[:len(p.text)]) == p.text {
			return p, true
		}
	}
	return pattern{}, false
}

// touches reports whether a token is written across a place in a text, or ends or begins
// there, or may do so if the text continues.
func (f *finder) touches(text []byte, place int) bool {
	for i := max(0, place-f.longest); i <= place && i < len(text); i++ {
		for _, p := range f.byFirst[text[i]] {
			n := min(len(p.text), len(text)-i)
			if string(text[i:i+n]) == p.text[:n] && i+len(p.text) >= place {
				return true
			}
		}
	}
	return false
}

// isWhite reports whether r has the property White_Space.
func isWhite(r rune) bool { return unicode.Is(unicode.White_Space, r) }

// isWord reports whether r matches \w of Rust's regular expressions (Unicode's UTS 18).
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}

func endsInWord(text []byte) bool {
	r, n := utf8.DecodeLastRune(text)
	return n > 0 && isWord(r)
}

func beginsWithWord(text []byte) bool {
	r, n := utf8.DecodeRune(text)
	return n > 0 && isWord(r)
}

// written returns the patterns of tokens: as they are, for those searched for in the text
// itself, and as normalized, for those searched for in normalized text. Special tokens come
// first, in case two are written alike.
func written(tokens []addedToken, n normalizer) (raw, normal []pattern) {
	for _, special := range []bool{true, false} {
		for i := range tokens {
			t := &tokens[i]
			if t.Special != special {
				continue
			}
			if !t.Normalized {
				raw = append(raw, pattern{t.Content, t})
				continue
			}
			text := t.Content
			if n != nil {
				text = string(n(nil, []byte(text)))
			}
			if text == "" { // never found
				continue
			}
			normal = append(normal, pattern{strings.Clone(text), t})
		}
	}
	return raw, normal
}
