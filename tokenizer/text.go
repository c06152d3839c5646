package tokenizer

import "slices"

// Text is the text of a whole sequence of ids: what AppendText gives, without a space that the tokenizer
// put in front of the text when it was encoded, as Llama's does.
func Text(t Tokenizer, ids []int) ([]byte, error) { return Following(t, nil).AppendText(nil, ids) }

// Following is t for a text that follows other ids and is decoded bit by bit: where those are nothing but
// special tokens, the text is at its beginning and does without the space that [Text] leaves out. It is for
// one text, by one goroutine.
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
	strip int // spaces that are still to be left out
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
