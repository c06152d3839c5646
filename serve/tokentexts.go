package serve

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// tokenTexts tells what tokens are called.
type tokenTexts struct{ tok tokenizer.Tokenizer }

func newTokenTexts(tok tokenizer.Tokenizer) *tokenTexts { return &tokenTexts{tok} }

// raw are the bytes that a token stands for; none of what pads a model's vocabulary.
func (t *tokenTexts) raw(id int) []byte {
	if id < 0 || id >= t.tok.Size() {
		return nil
	}
	text, err := t.tok.AppendText(nil, []int{id})
	if err != nil {
		return nil
	}
	return text
}

// name is a token as an answer has it: its text, bytes that are none as OpenAI writes them, "bytes:\xe2\x80", so that different tokens have
// different names, and what is no token at all, or any if that is asked for, as "token_id:50257".
func (t *tokenTexts) name(id int, asID bool) string {
	text := t.raw(id)
	switch {
	case asID || id >= t.tok.Size():
		return fmt.Sprintf("token_id:%d", id)
	case utf8.Valid(text):
		return string(text)
	}
	var b strings.Builder
	b.WriteString("bytes:")
	for _, c := range text {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String()
}

// leastLogProb stands for −∞, which JSON has not.
const leastLogProb = -9999

// logProb is a log-probability in JSON.
func logProb(x float64) float64 {
	if math.IsInf(x, -1) || math.IsNaN(x) {
		return leastLogProb
	}
	return x
}

// likeliest are the n best candidates in a token's place, and the token itself if it is none of them.
func likeliest(t generate.Token, n int) []generate.Candidate {
	best := t.Best[:min(n, len(t.Best))]
	for _, c := range best {
		if c.ID == t.ID {
			return best
		}
	}
	return append(best[:len(best):len(best)], generate.Candidate{ID: t.ID, LogProb: t.LogProb})
}
