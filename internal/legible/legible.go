// Package legible makes valid UTF-8 of what a model generates, which may end within a character.
package legible

import (
	"strings"
	"unicode/utf8"
)

// Text returns text as valid UTF-8: each maximal part of a character that is not completed
// becomes one U+FFFD, as in Python (the Unicode Standard, chapter 3, "U+FFFD Substitution of Maximal Subparts").
func Text(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for text != "" {
		n, whole := Unit(text)
		if whole {
			b.WriteString(text[:n])
		} else {
			b.WriteRune(utf8.RuneError)
		}
		text = text[n:]
	}
	return b.String()
}

// Unit returns the length of the character that a text begins with; if it is not whole, that of the bytes that could begin
// one, or of a byte that could not.
func Unit[T string | []byte](text T) (n int, whole bool) {
	if r, n := utf8.DecodeRuneInString(string(text[:min(len(text), utf8.UTFMax)])); r != utf8.RuneError || n > 1 {
		return n, true
	}
	low, high, length := byte(0x80), byte(0xbf), 1 // of the second byte, and of the character
	switch first := text[0]; {
	case first >= 0xe0 && first <= 0xef:
		length = 3
	case first >= 0xf0 && first <= 0xf4:
		length = 4
	}
	switch text[0] {
	case 0xe0:
		low = 0xa0
	case 0xed:
		high = 0x9f
	case 0xf0:
		low = 0x90
	case 0xf4:
		high = 0x8f
	}
	n = 1
	for n < min(length, len(text)) && low <= text[n] && text[n] <= high {
		n, low, high = n+1, 0x80, 0xbf
	}
	return n, false
}

// Characters returns how many characters Text makes of a text.
func Characters(text []byte) (count int) {
	for len(text) > 0 {
		n, _ := Unit(text)
		text, count = text[n:], count+1
	}
	return count
}
