package tokenizer

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// charTokenizer has one token for each character of an alphabet.
type charTokenizer struct {
	runes []rune               // by id
	ascii [utf8.RuneSelf]int32 // id by character, -1 if there is none
	other map[rune]int32       // the same for characters beyond ASCII
}

// NewChars returns the tokenizer whose tokens are the characters (Unicode code
// points) that occur in r, with ids in the order of their code points, as in
// nanoGPT's shakespeare_char. It has no end of text. NewChars reads r once, in
// pieces. A text that is empty or not valid UTF-8 is an error, which names the
// text if r has a method Name() string, as an *os.File has.
func NewChars(r io.Reader) (Tokenizer, error) {
	var name string
	if n, ok := r.(interface{ Name() string }); ok {
		name = n.Name()
	}
	return LearnChars(func(yield func(string, io.Reader) bool) { yield(name, r) })
}

// LearnChars is NewChars for the characters of several texts, which are given
// with their names for errors.
func LearnChars(texts iter.Seq2[string, io.Reader]) (Tokenizer, error) {
	seen := make([]uint64, (utf8.MaxRune+1)/64) // bit set
	buf := make([]byte, 64<<10)
	for name, r := range texts {
		if err := seeChars(seen, buf, name, r); err != nil {
			return nil, err
		}
	}
	var runes []rune
	for i, word := range seen {
		for ; word != 0; word &= word - 1 {
			runes = append(runes, rune(64*i+bits.TrailingZeros64(word)))
		}
	}
	if len(runes) == 0 {
		return nil, errors.New("no vocabulary: the text has no characters")
	}
	return newCharTokenizer(runes), nil
}

// seeChars adds the characters of r to seen.
func seeChars(seen []uint64, buf []byte, name string, r io.Reader) error {
	n, offset := 0, int64(0) // bytes in buf, offset of the first
	for {
		m, err := r.Read(buf[n:])
		n += m
		end := err == io.EOF
		if err != nil && !end {
			if name == "" {
				return err
			}
			return fmt.Errorf("%s: %w", name, err)
		}
		i := 0
		for i < n && (end || utf8.FullRune(buf[i:n])) {
			c, size := rune(buf[i]), 1
			if c >= utf8.RuneSelf {
				c, size = utf8.DecodeRune(buf[i:n])
				if size == 1 {
					return invalidUTF8(name, offset+int64(i), buf[i])
				}
			}
			seen[c/64] |= 1 << (c % 64)
			i += size
		}
		if end {
			return nil
		}
		offset += int64(i)
		n = copy(buf, buf[i:n])
	}
}

func invalidUTF8(text string, offset int64, b byte) error {
	return &TextError{text, offset, fmt.Sprintf("byte 0x%02x is not valid UTF-8", b)}
}

// newCharTokenizer returns the tokenizer of runes, which must be distinct and valid.
func newCharTokenizer(runes []rune) *charTokenizer {
	t := &charTokenizer{runes: runes, other: make(map[rune]int32)}
	for i := range t.ascii {
		t.ascii[i] = -1
	}
	for id, r := range runes {
		if r < utf8.RuneSelf {
			t.ascii[r] = int32(id)
		} else {
			t.other[r] = int32(id)
		}
	}
	return t
}

func (t *charTokenizer) Append(ids []int, text []byte) ([]int, error) {
	n := len(ids)
	ids = slices.Grow(ids, utf8.RuneCount(text))
	for i := 0; i < len(text); {
		if b := text[i]; b < utf8.RuneSelf {
			id := t.ascii[b]
			if id < 0 {
				return ids[:n], t.unknown(i, rune(b))
			}
			ids = append(ids, int(id))
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if size == 1 {
			return ids[:n], invalidUTF8("", int64(i), text[i])
		}
		id, ok := t.other[r]
		if !ok {
			return ids[:n], t.unknown(i, r)
		}
		ids = append(ids, int(id))
		i += size
	}
	return ids, nil
}

func (t *charTokenizer) unknown(offset int, r rune) error {
	return &TextError{"", int64(offset), fmt.Sprintf("character %q (%U) is not in the vocabulary of %d characters", r, r, len(t.runes))}
}

func (t *charTokenizer) AppendText(text []byte, ids []int) ([]byte, error) {
	n := len(text)
	for i, id := range ids {
		if id < 0 || id >= len(t.runes) {
			return text[:n], badID(i, id, len(t.runes))
		}
		text = utf8.AppendRune(text, t.runes[id])
	}
	return text, nil
}

func (t *charTokenizer) Size() int              { return len(t.runes) }
func (t *charTokenizer) EndOfText() (int, bool) { return 0, false }
func (t *charTokenizer) Name() string           { return "chars" }
