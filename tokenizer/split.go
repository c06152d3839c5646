package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// class is the kind of a character in GPT-2's pattern.
type class uint8

const (
	letter class = iota // \p{L}
	number              // \p{N}
	space               // \s: the property White_Space
	other
	wide // of a byte: a part of a character beyond ASCII
)

// byteClass holds the class of each byte, planeClass that of each character of the
// basic plane: unicode.Is searches, which is too slow for texts beyond ASCII.
var (
	byteClass  [256]class
	planeClass [1 << 16]class
)

func init() {
	for i := range planeClass {
		planeClass[i] = other
	}
	for _, c := range []struct {
		class class
		table *unicode.RangeTable
	}{{letter, unicode.L}, {number, unicode.N}, {space, unicode.White_Space}} {
		for _, r := range c.table.R16 {
			for i := int(r.Lo); i <= int(r.Hi); i += int(r.Stride) {
				planeClass[i] = c.class
			}
		}
	}
	for i := range byteClass {
		byteClass[i] = wide
		if i < utf8.RuneSelf {
			byteClass[i] = planeClass[i]
		}
	}
}

// classOf returns the class and the width of the first character of text, which is
// not ASCII. A byte that is not valid UTF-8 is a character of class other.
func classOf(text []byte) (class, int) {
	r, n := utf8.DecodeRune(text)
	switch {
	case r < 1<<16:
		return planeClass[r], n
	case unicode.IsLetter(r):
		return letter, n
	case unicode.IsNumber(r):
		return number, n
	}
	return other, n // there is no white space beyond the basic plane
}

// nextPiece returns the length in bytes of the first match, at the start of a text
// that is not empty, of the pattern of OpenAI's GPT-2,
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// It matches everywhere, so the pieces make up the text.
func nextPiece(text []byte) int {
	i := 0
	switch text[0] {
	case '\'':
		if n := contraction(text); n > 0 {
			return n
		}
	case ' ':
		i = 1
	}
	if i < len(text) {
		kind, n := byteClass[text[i]], 1
		if kind == wide {
			kind, n = classOf(text[i:])
		}
		if kind != space {
			return run(text, i+n, kind)
		}
	}
	// A run of white space leaves its last character to the next piece, unless nothing
	// follows or the run is only that character.
	end, last := 0, 0
	for end < len(text) {
		kind, n := byteClass[text[end]], 1
		if kind == wide {
			kind, n = classOf(text[end:])
		}
		if kind != space {
			if last > 0 {
				return last
			}
			return end
		}
		last = end
		end += n
	}
	return end
}

// run returns the end of the run of characters of a class that continues at i.
func run(text []byte, i int, kind class) int {
	for i < len(text) {
		switch k := byteClass[text[i]]; k {
		case kind:
			i++
		case wide:
			k, n := classOf(text[i:])
			if k != kind {
				return i
			}
			i += n
		default:
			return i
		}
	}
	return i
}

// contraction returns the length of 's, 't, 're, 've, 'm, 'll or 'd.
func contraction(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case 's', 't', 'm', 'd':
		return 2
	}
	if len(text) > 2 {
		switch string(text[1:3]) {
		case "re", "ve", "ll":
			return 3
		}
	}
	return 0
}

// Cut returns where text may be cut so that its two parts, encoded one after the
// other, give the ids of the whole: before the last white space that follows another
// character. It returns 0 if there is none. It is valid for the tokenizers made by this
// package except o200k_harmony; for that and for loaded ones, use CutFor.
func Cut(text []byte) int { return cutBefore(text, false) }

// cutBefore is Cut; if aSpace is set, it cuts only before a space, not other white space.
func cutBefore(text []byte, aSpace bool) int {
	spaced := false // at i, there is white space
	for i := len(text); i > 0; {
		r, n := rune(text[i-1]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeLastRune(text[:i])
		}
		space := unicode.IsSpace(r)
		if spaced && !space && !(aSpace && text[i] != ' ') {
			return i
		}
		spaced = space && r != '\v' && r != '\f' && r != '\u0085' // control characters, for GPT-1
		i -= n
	}
	return 0
}
