package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

func TestOneLine(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("a:\n\tb"), "a: b"},
		{fmt.Errorf("train: interrupted after step 3 of 9: %w", context.Canceled), "train: interrupted after step 3 of 9"},
		{fmt.Errorf("finetune: %w", context.Canceled), "finetune: interrupted"},
		{context.Canceled, "interrupted"},
	} {
		if got := oneLine(c.err); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// words has no token for white space and no end of text, as GPT-1's vocabulary.
type words struct{ tokenizer.Tokenizer }

func (words) EndOfText() (int, bool)                    { return 0, false }
func (words) Append(ids []int, _ []byte) ([]int, error) { return ids, nil }

func TestEmptyPromptOfWords(t *testing.T) {
	if ids, err := emptyPrompt(words{}); err != nil || len(ids) != 1 {
		t.Errorf("%v, %v; want one token to go on from", ids, err)
	}
}
