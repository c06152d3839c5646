package finetune

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// The special tokens of OpenAI's code.
const (
	Start     = "_start_"
	Delimiter = "_delimiter_"
	Classify  = "_classify_"
)

// Encoder turns examples into token sequences.
type Encoder struct {
	Tokenizer                  tokenizer.Tokenizer // including the special tokens
	Context                    int                 // most tokens in a sequence
	start, delimiter, classify int

	Truncated int // number of texts truncated so far
}

// NewEncoder adds the special tokens to a tokenizer, if it lacks them.
func NewEncoder(t tokenizer.Tokenizer, context int) (*Encoder, error) {
	if context < 6 {
		return nil, fmt.Errorf("finetune: a context of %d has no room for two texts and three special tokens; want 6 or more", context)
	}
	t, err := tokenizer.AddSpecials(t, Start, Delimiter, Classify)
	if err != nil {
		return nil, err
	}
	e := &Encoder{Tokenizer: t, Context: context, start: -1, delimiter: -1, classify: -1}
	for _, s := range tokenizer.Specials(t) {
		switch s.Text {
		case Start:
			e.start = s.ID
		case Delimiter:
			e.delimiter = s.ID
		case Classify:
			e.classify = s.ID
		}
	}
	if min(e.start, e.delimiter, e.classify) < 0 {
		return nil, errors.New("finetune: the tokenizer does not keep special tokens")
	}
	return e, nil
}

// Encode returns an example's sequences (Radford et al. 2018, figure 1): one for a classification
// or an entailment, both orders for a similarity, one per choice for multiple choice. Texts that
// are too long are truncated at the end: a single text may have Context−2 tokens, and each of two
// Context/2−2, as in OpenAI's code. Of a text and a question about it, it is the text that is
// truncated.
func (e *Encoder) Encode(kind tasks.Kind, x tasks.Example) ([][]int, error) {
	switch kind {
	case tasks.Classification:
		ids, err := e.text(x.Text, e.Context-2)
		return [][]int{e.join(ids)}, err
	case tasks.Entailment:
		a, b, err := e.pair(x.Text, x.Pair)
		return [][]int{e.join(a, b)}, err
	case tasks.Similarity:
		a, b, err := e.pair(x.Text, x.Pair)
		return [][]int{e.join(a, b), e.join(b, a)}, err
	case tasks.MultipleChoice:
		a, err := e.asked(x.Text, x.Pair)
		if err != nil {
			return nil, err
		}
		var all [][]int
		for _, choice := range x.Choices {
			b, err := e.text(choice, e.half())
			if err != nil {
				return nil, err
			}
			all = append(all, e.join(a, b))
		}
		return all, nil
	}
	return nil, fmt.Errorf("finetune: unknown kind of task %q", kind)
}

// text returns the tokens of a text, truncated to most tokens.
func (e *Encoder) text(text string, most int) ([]int, error) {
	ids, err := e.Tokenizer.Append(nil, []byte(text))
	if len(ids) > most {
		e.Truncated++
		ids = ids[:most]
	}
	return ids, err
}

// pair returns the tokens of two texts.
func (e *Encoder) pair(first, second string) (a, b []int, err error) {
	if a, err = e.text(first, e.half()); err != nil {
		return nil, nil, err
	}
	b, err = e.text(second, e.half())
	return a, b, err
}

// half returns how many tokens each of two texts may have.
func (e *Encoder) half() int { return e.Context/2 - 2 }

// asked returns the tokens of a text and the question about it. If they are too many, it is the text that is truncated,
// and the question only if it alone is too long.
func (e *Encoder) asked(text, question string) ([]int, error) {
	if text == "" || question == "" {
		return e.text(text+question, e.half())
	}
	ids, err := e.Tokenizer.Append(nil, []byte(text+" "+question))
	if err != nil || len(ids) <= e.half() {
		return ids, err
	}
	start, err := e.Tokenizer.Append(nil, []byte(text))
	if err != nil {
		return nil, err
	}
	end := ids[min(len(start), len(ids)):]
	if len(end) == 0 || !slices.Equal(ids[:len(start)], start) { // a token reaches from one to the other
		if end, err = e.Tokenizer.Append(nil, []byte(" "+question)); err != nil {
			return nil, err
		}
	}
	e.Truncated++
	end = end[:min(len(end), e.half())]
	return slices.Concat(start[:min(len(start), e.half()-len(end))], end), nil
}

// join puts the special tokens around texts and between them.
func (e *Encoder) join(texts ...[]int) []int {
	ids := []int{e.start}
	for i, t := range texts {
		if i > 0 {
			ids = append(ids, e.delimiter)
		}
		ids = append(ids, t...)
	}
	return append(ids, e.classify)
}
