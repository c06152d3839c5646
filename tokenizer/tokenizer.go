package tokenizer

import "fmt"

// EndOfText is how the token between documents is written, in GPT-2's
// vocabulary and in ours. That of other vocabularies is what their files say.
const EndOfText = "<|endoftext|>"

// A Tokenizer encodes text as ids in [0, Size) and decodes ids as text. All
// methods may be called from several goroutines at once.
type Tokenizer interface {
	// Append encodes text and appends its ids. A text that is cut where Cut
	// says gives the same ids as its parts do one after the other. A text
	// that cannot be encoded is a *TextError; ids then come back as they were.
	Append(ids []int, text []byte) ([]int, error)

	// AppendText decodes ids and appends their text. Special tokens, the end of
	// text among them, are written out. An id out of range is an error; text then
	// comes back as it was. Ids may end within a character.
	AppendText(text []byte, ids []int) ([]byte, error)

	// Size is the number of ids, the end of text included.
	Size() int

	// EndOfText is the id that separates documents, if there is one: what a
	// loaded tokenizer's files call eos_token, else the token written as
	// EndOfText. Append never gives it: what is written like it in a text is text.
	EndOfText() (id int, ok bool)

	// Name is the kind of tokenizer: "bytes", "chars", "bpe", "gpt2", "o200k_harmony", "gpt1", "sentencepiece".
	Name() string

	// Save writes tokenizer.json and tokenizer_config.json into the folder
	// dir, which it makes if need be. Hugging Face's AutoTokenizer and Load
	// open that folder. Of a loaded tokenizer, they say all that its files did.
	Save(dir string) error
}

// A TextError says why a text cannot be encoded, and where.
type TextError struct {
	Text    string // name of the text, if it has one
	Offset  int64  // bytes from the start of the text
	Problem string
}

// Error returns "name: offset 17: problem".
func (e *TextError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("offset %d: %s", e.Offset, e.Problem)
	}
	return fmt.Sprintf("%s: offset %d: %s", e.Text, e.Offset, e.Problem)
}

// badID is the error for an id that no token has.
func badID(at, id, size int) error {
	return fmt.Errorf("id %d at index %d: want 0 to %d", id, at, size-1)
}
