package tokenizer

// EmptyPrompt returns the ids from which a text is generated if there is no prompt: the
// beginning of text if the tokenizer's files name one, else the end of text, else a newline,
// else the first token.
func EmptyPrompt(t Tokenizer) []int {
	if id, ok := Beginning(t); ok {
		return []int{id}
	}
	if ids, err := t.Append(nil, []byte("\n")); err == nil && len(ids) > 0 { // GPT-1's has no white space
		return ids
	}
	return []int{0}
}
