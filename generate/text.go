package generate

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// Decoder appends the text of tokens. Tokenizers implement it.
type Decoder interface {
	AppendText(text []byte, ids []int) ([]byte, error)
}

// Text turns a stream of tokens into text. It returns only text that can no longer change: it holds
// back the beginning of an incomplete character, and whatever may turn out to begin a stop string.
type Text struct {
	decoder Decoder
	size    int // ids from here on have no text
	stops   [][]byte
	text    []byte
	given   int // bytes returned so far
	stopped bool
}

// NewText returns a Text that ends before a stop string. Empty stop strings are ignored. Of several
// stop strings, the one that is complete first, byte by byte, ends the text, and the longest of those
// that end at the same byte. So neither their order matters nor how the text is cut into tokens.
//
// If the decoder has a method Size() int, ids from there on, which pad a model's vocabulary, have no
// text.
func NewText(d Decoder, stops ...string) *Text {
	t := &Text{decoder: d, size: math.MaxInt}
	if sized, ok := d.(interface{ Size() int }); ok {
		t.size = sized.Size()
	}
	for _, s := range stops {
		if s != "" {
			t.stops = append(t.stops, []byte(s))
		}
	}
	return t
}

// Add adds the next token and returns the text that has become certain.
func (t *Text) Add(id int) (string, error) {
	if t.stopped || id >= t.size {
		return "", nil
	}
	var err error
	if t.text, err = t.decoder.AppendText(t.text, []int{id}); err != nil {
		return "", err
	}
	if begin, ok := t.stop(); ok {
		t.stopped, t.text = true, t.text[:begin]
		return t.give(begin), nil
	}
	end := t.whole(len(t.text))
	for _, s := range t.stops {
		// Hold back the longest suffix of the text that begins a stop string.
		for n := min(len(s)-1, len(t.text)-t.given); n > 0; n-- {
			if bytes.HasSuffix(t.text, s[:n]) {
				end = min(end, len(t.text)-n)
				break
			}
		}
	}
	return t.give(end), nil
}

// stop returns where the stop string that is complete first begins.
func (t *Text) stop() (begin int, ok bool) {
	end := 0
	for _, s := range t.stops {
		i := bytes.Index(t.text[t.given:], s)
		if i < 0 {
			continue
		}
		i += t.given
		if j := i + len(s); !ok || j < end || j == end && i < begin {
			begin, end, ok = i, j, true
		}
	}
	return begin, ok
}

// whole returns where the last character begins if it is incomplete, and end otherwise.
func (t *Text) whole(end int) int {
	for back := 1; back <= min(utf8.UTFMax-1, end-t.given); back++ {
		if utf8.RuneStart(t.text[end-back]) {
			if !utf8.FullRune(t.text[end-back : end]) {
				return end - back
			}
			break
		}
	}
	return end
}

func (t *Text) give(end int) string {
	end = max(end, t.given)
	out := string(t.text[t.given:end])
	t.given = end
	return out
}

// Stopped reports whether a stop string has ended the text.
func (t *Text) Stopped() bool { return t.stopped }

// Rest returns the text that was held back. Call it after the last token.
func (t *Text) Rest() string { return t.give(len(t.text)) }

// String returns the whole text so far, without a stop string.
func (t *Text) String() string { return string(t.text) }
