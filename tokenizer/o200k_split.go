package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// o200k is the pattern of OpenAI's o200k_base: words by their lower- and upper-case letters, with
// a character before and a contraction after them, numbers of up to three digits, and line breaks
// with the text before them.
var o200k = cutter{
	regex: `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	next:   func(text []byte) int { return nextO200k(text, 3, true) },
	aSpace: true, // line breaks belong to the text before them
}

// tekken is the pattern of Mistral's tokenizer of that name: o200k's without contractions, and with separate digits.
var tekken = cutter{
	regex: `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|` +
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|` +
		`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	next:   func(text []byte) int { return nextO200k(text, 1, false) },
	aSpace: true,
}

// traits are the properties of a character that the pattern tests.
type traits uint8

const (
	head       traits = 1 << iota // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], the beginning of a word
	tail                          // [\p{Ll}\p{Lm}\p{Lo}\p{M}], its end
	wordly                        // [\p{L}\p{N}]
	digit                         // \p{N}
	blank                         // \s
	breaking                      // [\r\n]
	multibyte                     // of a byte: a part of a character beyond ASCII
	noTraits   traits = 0
	plainTrait        = wordly | blank // a character with neither is punctuation or the like
)

// byteTraits holds the traits of each byte, planeTraits those of each character of the basic plane.
var (
	byteTraits  [256]traits
	planeTraits [1 << 16]traits
)

// traitTables list the characters of each kind.
var traitTables = []struct {
	traits traits
	tables []*unicode.RangeTable
}{
	{head | wordly, []*unicode.RangeTable{unicode.Lu, unicode.Lt}},
	{tail | wordly, []*unicode.RangeTable{unicode.Ll}},
	{head | tail | wordly, []*unicode.RangeTable{unicode.Lm, unicode.Lo}},
	{head | tail, []*unicode.RangeTable{unicode.M}},
	{digit | wordly, []*unicode.RangeTable{unicode.N}},
	{blank, []*unicode.RangeTable{unicode.White_Space}},
}

func init() {
	for _, kind := range traitTables {
		for _, table := range kind.tables {
			for _, r := range table.R16 {
				for i := int(r.Lo); i <= int(r.Hi); i += int(r.Stride) {
					planeTraits[i] = kind.traits
				}
			}
		}
	}
	planeTraits['\r'] |= breaking
	planeTraits['\n'] |= breaking
	for i := range byteTraits {
		byteTraits[i] = multibyte
		if i < utf8.RuneSelf {
			byteTraits[i] = planeTraits[i]
		}
	}
}

// traitsAt returns the traits and the width of the character at index i of text. A byte that is not
// valid UTF-8 is a character without traits.
func traitsAt(text []byte, i int) (traits, int) {
	if t := byteTraits[text[i]]; t != multibyte {
		return t, 1
	}
	r, n := utf8.DecodeRune(text[i:])
	if r < 1<<16 {
		return planeTraits[r], n
	}
	for _, kind := range traitTables {
		if unicode.In(r, kind.tables...) {
			return kind.traits, n
		}
	}
	return noTraits, n
}

// nextO200k returns the length in bytes of the first match of o200k's pattern at the start of a
// text that is not empty, with numbers of up to the given number of digits, and with or without
// contractions after words.
func nextO200k(text []byte, digits int, contractions bool) int {
	t, n := traitsAt(text, 0)
	if t&(wordly|breaking) == 0 && n < len(text) { // it may precede a word
		if end := word(text, n, t&tail == 0, contractions); end > 0 {
			return end
		}
	}
	switch {
	case t&(head|tail) != 0:
		return word(text, 0, true, contractions)
	case t&digit != 0:
		return digitsEnd(text, n, digits)
	case t&blank == 0:
		return symbols200k(text, n, true)
	case text[0] == ' ' && len(text) > 1:
		if t, width := traitsAt(text, 1); t&plainTrait == 0 {
			return symbols200k(text, 1+width, true)
		}
	}
	return leadingBlanks(text)
}

// word returns the end of the word that begins at i, 0 if there is none. A word is a run of head
// characters, then a run of tail characters. There must be a tail character, which may be the last
// of the run before that is both, unless without is set. If contractions is set, a contraction may
// follow the word.
func word(text []byte, i int, without, contractions bool) int {
	end, last := i, 0 // last is the end of the last character that is both
	follows := false
	for end < len(text) {
		t, n := traitsAt(text, end)
		if t&head == 0 {
			follows = t&tail != 0
			break
		}
		if end += n; t&tail != 0 {
			last = end
		}
	}
	switch {
	case follows:
		for end < len(text) {
			t, n := traitsAt(text, end)
			if t&tail == 0 {
				break
			}
			end += n
		}
	case last > 0:
		end = last
	case end == i || !without:
		return 0
	}
	if contractions {
		end += anyContraction(text[end:])
	}
	return end
}

// symbols200k returns the end of the run, continuing at i, of characters that are not letters,
// numbers or white space, with the line breaks after them, and slashes if slashes is set.
func symbols200k(text []byte, i int, slashes bool) int {
	for i < len(text) {
		t, n := traitsAt(text, i)
		if t&plainTrait != 0 {
			break
		}
		i += n
	}
	for i < len(text) && (text[i] == '\r' || text[i] == '\n' || slashes && text[i] == '/') {
		i++
	}
	return i
}

// leadingBlanks returns the end of the piece of white space at the start of text: after its last
// line break, else before its last character, which belongs to the piece that follows, unless
// nothing follows or there is only that character.
func leadingBlanks(text []byte) int {
	end, last, broken := 0, 0, 0
	for end < len(text) {
		t, n := traitsAt(text, end)
		if t&blank == 0 {
			break
		}
		last = end
		if end += n; t&breaking != 0 {
			broken = end
		}
	}
	switch {
	case broken > 0:
		return broken
	case end == len(text) || last == 0:
		return end
	}
	return last
}

// anyContraction returns the length of 's, 't, 're, 've, 'm, 'll or 'd at the start of text, in lower
// or upper case; a long s (U+017F) counts as s.
func anyContraction(text []byte) int {
	if len(text) < 2 || text[0] != '\'' {
		return 0
	}
	switch text[1] | 0x20 {
	case 's', 't', 'm', 'd':
		return 2
	}
	if len(text) < 3 {
		return 0
	}
	if text[1] == 0xc5 && text[2] == 0xbf { // U+017F, a long s
		return 3
	}
	switch string([]byte{text[1] | 0x20, text[2] | 0x20}) {
	case "re", "ve", "ll":
		return 3
	}
	return 0
}
