package checkpoint

import "github.com/gorgpt/gorgpt/tokenizer"

// Original is what is known of an original model of OpenAI's beside its weights, where no files tell it.
type Original struct {
	Name      string // whose it is, as "GPT-2's"
	Tokenizer func() (tokenizer.Tokenizer, error)
	Ends      []int // tokens that end a text
}

// originals are those of OpenAI's by the size of their vocabulary.
var originals = map[int]Original{
	50257:  {"GPT-2's", tokenizer.GPT2, []int{50256}},
	201088: {"gpt-oss's", tokenizer.O200kHarmony, []int{200002, 199999, 200012}}, // return, endoftext, call: as generation_config.json has them
}

// OriginalOf is the one with so large a vocabulary, and whether there is one.
func OriginalOf(vocab int) (Original, bool) {
	o, ok := originals[vocab]
	return o, ok
}
