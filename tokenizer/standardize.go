package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

var plainPunctuation = strings.NewReplacer("—", "-", "–", "-", "―", "-", "…", "...", "´", "'")

// Standardize changes a text as GPT-1's text_standardize does (in the PyTorch ports): it
// writes plain dashes, dots and apostrophes, puts spaces around runs of most ASCII
// punctuation, and replaces white space by one space, or by a line break between spaces.
//
// In the original preparation of text, it is a step between ftfy, which repairs encodings,
// and spaCy, which splits words. The tokenizer gpt1 does not use these steps.
func Standardize(text string) string {
	var b strings.Builder
	text = plainPunctuation.Replace(text)
	for i := 0; i < len(text); {
		c := text[i]
		end := i + 1
		if strings.IndexByte(`-~!";?+,)(\/*[]}{|_`, c) < 0 {
			b.WriteByte(c)
			i = end
			continue
		}
		for end < len(text) && text[end] == c {
			end++
		}
		b.WriteByte(' ')
		b.WriteString(text[i:end])
		b.WriteByte(' ')
		i = end
	}
	return blanks(b.String())
}

// blanks replaces each run of white space by one space, or by a line break between spaces
// if the run has one, and trims the text.
func blanks(text string) string {
	var b strings.Builder
	run, broken := false, false
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if isBlank(r) {
			run, broken = true, broken || r == '\n'
		} else {
			if run && b.Len() > 0 {
				if broken {
					b.WriteString(" \n")
				}
				b.WriteByte(' ')
			}
			run, broken = false, false
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}

// isBlank reports whether r matches \s of Python's re: White_Space and the four separators U+001C to 1F.
func isBlank(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
