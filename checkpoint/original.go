package checkpoint

import "github.com/gorgpt/gorgpt/tokenizer"

// Original is what is known about a model of OpenAI's original release besides its weights, where no files
// say so.
type Original struct {
	Name      string // as a possessive: "GPT-2's"
	Tokenizer func() (tokenizer.Tokenizer, error)
	Ends      []int // tokens that end a text
}

// originals are OpenAI's models by the size of their vocabulary.
var originals = map[int]Original{
	50257:  {"GPT-2's", tokenizer.GPT2, []int{50256}},
	201088: {"gpt-oss's", tokenizer.O200kHarmony, []int{200002, 199999, 200012}}, // return, endoftext, call: as in generation_config.json
}

// OriginalOf returns the model with a vocabulary of the given size, and whether there is one.
func OriginalOf(vocab int) (Original, bool) {
	o, ok := originals[vocab]
	return o, ok
}
