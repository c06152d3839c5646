package tokenizer

import "slices"

// Text returns the text of a whole sequence of ids: that of AppendText, without a space that the tokenizer
// puts in front of a text when it encodes it, as Llama's does.
func Text(t Tokenizer, ids []int) ([]byte, error) { return Following(t, nil).AppendText(nil, ids) }

// Following returns t for decoding, piece by piece, a text that follows other ids. If those are only special
// tokens, the text is at its beginning, and the space that [Text] omits is omitted. The result is for a single
// text and must not be used concurrently.
func Following(t Tokenizer, before []int) Tokenizer {
	inner := plainly(t)
	if a, ok := inner.(*added); ok {
		inner = a.Tokenizer
	}
	p, ok := inner.(*pieced)
	if !ok || p.strip == 0 {
		return t
	}
	special := Specials(t)
	for _, id := range before {
		if !slices.ContainsFunc(special, func(s Special) bool { return s.ID == id }) {
			return t
		}
	}
	return &opening{t, p.strip}
}

// opening decodes a text from its beginning.
type opening struct {
	Tokenizer
	strip int // number of spaces still to be omitted
}

// AppendText implements Tokenizer.
func (o *opening) AppendText(text []byte, ids []int) ([]byte, error) {
	n := len(text)
	text, err := o.Tokenizer.AppendText(text, ids)
	for ; o.strip > 0 && len(text) > n; o.strip-- {
		if text[n] != ' ' {
			o.strip = 0
			break
		}
		text = slices.Delete(text, n, n+1)
	}
	return text, err
}
