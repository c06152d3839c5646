package tokenizer

import "fmt"

// Within is t for a model with a vocabulary of so many rows, of a tokenizer that may have
// more: a token beyond them that a text gives is an error of the text, and no end or
// beginning of text is one. Further special tokens, of AddSpecials, are for a model that is
// to get rows for all.
func Within(t Tokenizer, vocab int) (Tokenizer, error) {
	if t.Size() <= vocab {
		return t, nil
	}
	old := finding(t)
	for _, id := range append(old.before, old.after...) {
		if id >= vocab {
			return nil, fmt.Errorf("the tokenizer puts token %d around a text, the model has %d", id, vocab)
		}
	}
	a := *old
	a.limit = vocab
	if a.end >= vocab {
		a.end = -1
	}
	if a.begin >= vocab {
		a.begin = -1
	}
	if ReadsSpecial(t) {
		return reading{&a}, nil
	}
	return &a, nil
}

// within says which of ids no model of the limit has.
func (a *added) within(ids []int) error {
	for _, id := range ids {
		if id >= a.limit {
			text, _ := a.AppendText(nil, []int{id}) // its ids are in range
			return &TextError{Problem: fmt.Sprintf("token %q has id %d, which the model with its %d has not", text, id, a.limit)}
		}
	}
	return nil
}
