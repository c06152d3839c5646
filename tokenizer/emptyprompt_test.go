package tokenizer

import "testing"

// wordsAlone has neither a token for white space nor an end-of-text token, like GPT-1's vocabulary.
type wordsAlone struct{ Tokenizer }

func (wordsAlone) EndOfText() (int, bool)                    { return 0, false }
func (wordsAlone) Append(ids []int, _ []byte) ([]int, error) { return ids, nil }

func TestEmptyPromptOfWords(t *testing.T) {
	if ids := EmptyPrompt(wordsAlone{}); len(ids) != 1 {
		t.Errorf("%v; want one token to go on from", ids)
	}
}
