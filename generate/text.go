package generate

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// Decoder appends the text of some tokens; a tokenizer is one.
type Decoder interface {
	AppendText(text []byte, ids []int) ([]byte, error)
}

// Text makes text of a stream of tokens. It hands out nothing that may change: no part of a
// character of which more may come, and nothing that may turn out to be a stop string.
type Text struct {
	decoder Decoder
	size    int // ids from here on are no text
	stops   [][]byte
	text    []byte
	given   int // bytes handed out
	stopped bool
}

// NewText returns a Text that ends before a stop string; empty ones are none. Of several, it
// is the one that is complete first, byte by byte, and of those that end together the longest.
// So neither their order matters nor how the text is cut into tokens.
//
// If the decoder tells its Size, ids from there on, which pad a model's vocabulary, are no text.
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

// Add takes the next token and returns the text that is certain now.
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
		// The longest end of the text that begins a stop string waits.
		for n := min(len(s)-1, len(t.text)-t.given); n > 0; n-- {
			if bytes.HasSuffix(t.text, s[:n]) {
				end = min(end, len(t.text)-n)
				break
			}
		}
	}
	return t.give(end), nil
}

// stop is where the stop string begins that is complete first.
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

// whole is where the last character begins if more of it may come, and end otherwise.
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

// Stopped tells whether a stop string has come.
func (t *Text) Stopped() bool { return t.stopped }

// Rest returns what was held back, when there are no more tokens.
func (t *Text) Rest() string { return t.give(len(t.text)) }

// String is the whole text so far, without a stop string.
func (t *Text) String() string { return string(t.text) }
