package tokenizer

import "fmt"

// register numbers added tokens as Hugging Face's tokenizers does: a token in the vocabulary
// keeps its id, others follow.
type register struct {
	vocab  vocabulary
	tokens []addedToken
	places map[string]int // index in tokens by text
	next   int            // id of the next token that is not in the vocabulary
}

func newRegister(v vocabulary) *register {
	return &register{vocab: v, places: make(map[string]int), next: len(v)}
}

// find returns the token of a text.
func (r *register) find(text string) (a addedToken, ok bool) {
	i, ok := r.places[text]
	if ok {
		a = r.tokens[i]
	}
	return a, ok
}

// add adds a token, or changes the flags of an existing one, and returns its id.
func (r *register) add(a addedToken) int {
	if i, ok := r.places[a.Content]; ok {
		a.ID = r.tokens[i].ID
		r.tokens[i] = a
		return a.ID
	}
	id, ok := r.vocab[a.Content]
	if !ok {
		id = r.next
	}
	a.ID = id
	r.keep(a)
	return id
}

// keep adds a new token with its present id.
func (r *register) keep(a addedToken) {
	r.places[a.Content] = len(r.tokens)
	r.tokens = append(r.tokens, a)
	r.next = max(r.next, a.ID+1)
}

// place adds a token from a file that states its id.
func (r *register) place(where string, a addedToken) error {
	if a.Content == "" {
		return fmt.Errorf("%s: the token with id %d is empty", where, a.ID)
	}
	if id := r.add(a); id != a.ID {
		return fmt.Errorf("%s: %q has id %d, want %d, its id in the vocabulary or the next one (as Hugging Face's tokenizers assigns it)", where, a.Content, a.ID, id)
	}
	return nil
}

// check returns an error if a token cannot be added to a tokenizer.
func (r *register) check(t Tokenizer) error {
	owner := make(map[int]string)
	for token, id := range r.vocab {
		owner[id] = token
	}
	for _, a := range r.tokens {
		if other, ok := owner[a.ID]; ok && other != a.Content {
			return fmt.Errorf("added token %q has id %d, which %q also has", a.Content, a.ID, other)
		}
		owner[a.ID] = a.Content
		if a.Normalized && t.Name() == "gpt1" {
			return fmt.Errorf("added_tokens: %q is normalized, want false for GPT-1", a.Content)
		}
	}
	return nil
}

// known returns those implied tokens that exist. With a tokenizer.json but no
// tokenizer_config.json, it is not known whether transformers would add others.
func (r *register) known(implied map[string]string) map[string]string {
	there := make(map[string]string)
	for role, text := range implied {
		if _, added := r.find(text); added || hasKey(r.vocab, text) {
			there[role] = text
		}
	}
	return there
}

// addNamed adds the named tokens that were not there before. If a token appears several times with
// different flags, the last flags count; a repetition of earlier flags is ignored.
func (r *register) addNamed(tokens []namedToken, listed []addedToken) {
	byText := make(map[string]addedToken)
	for _, a := range listed {
		byText[a.Content] = a
	}
	before, done := len(r.tokens), make(map[namedToken]bool)
	for _, a := range tokens {
		if i, ok := r.places[a.Content]; ok && i < before {
			continue
		}
		if flags, ok := byText[a.Content]; ok {
			a = namedToken{flags, false}
		}
		if done[a] {
			continue
		}
		done[a] = true
		a.Special = true
		r.add(a.addedToken)
	}
}
