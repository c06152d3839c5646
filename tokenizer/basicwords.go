package tokenizer

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// basicWords splits a text into words as BERT's BasicTokenizer does (Devlin et al.
// 2018), which Hugging Face uses for GPT-1: control characters and invalid UTF-8 are
// dropped, letters are lowercased and lose their accents, each punctuation mark and
// each CJK ideograph is a separate word, and white space separates words.
type basicWords struct {
	text []byte
	at   int // bytes read

	word       []byte // the word, as byte-pair encoding takes it
	start, end int    // its place in the text

	// What a character of the text has become, as far as it is not in a word yet.
	queue    []rune
	from, to int  // place of that character
	alone    bool // it is an ideograph
	room     [8]rune
}

// Values of asciiWord other than the character itself in lower case.
const (
	vanishes    = 0
	separates   = 1
	standsAlone = 2
)

var asciiWord = func() (t [utf8.RuneSelf]byte) {
	for i := range t {
		switch b := byte(i); {
		case b == '\t' || b == '\n' || b == '\r' || b == ' ':
			t[i] = separates
		case b < ' ' || b == 0x7f:
			t[i] = vanishes
		case b >= '0' && b <= '9' || b >= 'a' && b <= 'z':
			t[i] = b
		case b >= 'A' && b <= 'Z':
			t[i] = b + 'a' - 'A'
		default:
			t[i] = standsAlone // includes all symbols, as in BERT
		}
	}
	return t
}()

// next finds the next word; it returns false after the last one.
func (w *basicWords) next() bool {
	w.word = w.word[:0]
	for {
		if len(w.queue) > 0 {
			r := w.queue[0]
			alone := w.alone || isPunctuation(r)
			if alone && len(w.word) > 0 {
				return true
			}
			w.add(r, w.from, w.to)
			w.queue = w.queue[1:]
			if alone {
				return true
			}
			continue
		}
		if w.at == len(w.text) {
			return len(w.word) > 0
		}
		b := w.text[w.at]
		if b >= utf8.RuneSelf {
			if w.wide() && len(w.word) > 0 {
				return true
			}
			continue
		}
		switch c := asciiWord[b]; c {
		case vanishes:
			w.at++
		case separates:
			w.at++
			if len(w.word) > 0 {
				return true
			}
		case standsAlone:
			if len(w.word) > 0 {
				return true
			}
			w.add(rune(b), w.at, w.at+1)
			w.at++
			return true
		default:
			if len(w.word) == 0 {
				w.start = w.at
			}
			w.word = append(w.word, c)
			w.at++
			w.end = w.at
		}
	}
}

// add appends a character to the word.
func (w *basicWords) add(r rune, from, to int) {
	if len(w.word) == 0 {
		w.start = from
	}
	w.word, w.end = utf8.AppendRune(w.word, r), to
}

// wide reads a character beyond ASCII into the queue, or drops it. It reports whether
// the character separates words.
func (w *basicWords) wide() bool {
	r, n := utf8.DecodeRune(w.text[w.at:])
	w.from, w.to = w.at, w.at+n
	w.at += n
	if r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z) {
		return false // categories C, which include unassigned characters
	}
	if unicode.IsSpace(r) {
		return true
	}
	w.alone = isIdeograph(r)
	w.queue = w.room[:0]
	var buf [utf8.UTFMax]byte
	small := utf8.AppendRune(buf[:0], unicode.ToLower(r))
	parts := small
	if r >= 0xac00 && r <= 0xd7a3 { // Hangul is decomposed by rule, not by table
		parts = norm.NFD.Bytes(small)
	} else if d := norm.NFD.Properties(small).Decomposition(); d != nil {
		parts = d
	}
	for len(parts) > 0 {
		r, n := utf8.DecodeRune(parts)
		parts = parts[n:]
		if !unicode.Is(unicode.Mn, r) {
			w.queue = append(w.queue, r)
		}
	}
	return false
}

func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return asciiWord[r] == standsAlone
	}
	return unicode.IsPunct(r)
}

func isIdeograph(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x3400 && r <= 0x4dbf || r >= 0xf900 && r <= 0xfaff ||
		r >= 0x20000 && r <= 0x2a6df || r >= 0x2a700 && r <= 0x2ceaf || r >= 0x2f800 && r <= 0x2fa1f
}
