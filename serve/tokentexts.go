package serve

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// tokenTexts returns the texts of tokens.
type tokenTexts struct{ tok tokenizer.Tokenizer }

func newTokenTexts(tok tokenizer.Tokenizer) *tokenTexts { return &tokenTexts{tok} }

// raw returns the bytes that a token stands for; nil for an id that pads the model's vocabulary.
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

// name returns a token as it is written in an answer: its text or, if that is not valid UTF-8, its bytes as OpenAI
// writes them, "bytes:\xe2\x80", so that different tokens have different names. Ids that are not tokens, or all if
// asID is set, are written as "token_id:50257".
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

// leastLogProb stands for −∞, which JSON cannot represent.
const leastLogProb = -9999

// logProb returns a log-probability as a number that JSON can represent.
func logProb(x float64) float64 {
	if math.IsInf(x, -1) || math.IsNaN(x) {
		return leastLogProb
	}
	return x
}

// likeliest returns the n best candidates at a token's position, and the token itself if it is not one of them.
func likeliest(t generate.Token, n int) []generate.Candidate {
	best := t.Best[:min(n, len(t.Best))]
	for _, c := range best {
		if c.ID == t.ID {
			return best
		}
	}
	return append(best[:len(best):len(best)], generate.Candidate{ID: t.ID, LogProb: t.LogProb})
}
