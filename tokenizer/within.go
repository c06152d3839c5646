package tokenizer

import "fmt"

// Within returns t for a model with a vocabulary of vocab rows, which may be fewer than the
// tokenizer has tokens. A text that yields a token beyond them is an error, and an end or
// beginning of text beyond them is not used. [AddSpecials] lifts the limit: the model must
// then be given rows for all tokens.
func Within(t Tokenizer, vocab int) (Tokenizer, error) {
	if t.Size() <= vocab {
		return t, nil
	}
	old := finding(t)
	for _, id := range append(old.before, old.after...) {
		if id >= vocab {
			return nil, fmt.Errorf("the tokenizer puts token %d around a text, but the model has only %d tokens", id, vocab)
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

// within returns an error if an id is not below the limit.
func (a *added) within(ids []int) error {
	for _, id := range ids {
		if id >= a.limit {
			text, _ := a.AppendText(nil, []int{id}) // its ids are in range
			return &TextError{Problem: fmt.Sprintf("token %q has id %d, which the model, with %d tokens, does not have", text, id, a.limit)}
		}
	}
	return nil
}
