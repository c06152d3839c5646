package tokenizer

// EmptyPrompt is what a text without a beginning goes on from: its beginning where the
// tokenizer's files name one, the end of the text before it, or a new line, or the first token
// there is.
func EmptyPrompt(t Tokenizer) []int {
	if id, ok := Beginning(t); ok {
		return []int{id}
	}
	if ids, err := t.Append(nil, []byte("\n")); err == nil && len(ids) > 0 { // GPT-1's has no white space
		return ids
	}
	return []int{0}
}
