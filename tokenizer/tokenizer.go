package tokenizer

import "fmt"

// EndOfText is the text of the token between documents in GPT-2's vocabulary
// and in those made by this package. Files of other vocabularies name theirs.
const EndOfText = "<|endoftext|>"

// A Tokenizer encodes text as ids in [0, Size) and decodes ids as text. All
// methods may be called from several goroutines at once.
type Tokenizer interface {
	// Append encodes text and appends its ids. Cutting a text as Cut allows
	// and encoding the parts one after the other gives the same ids. If the
	// text cannot be encoded, the error is a *TextError and ids is returned
	// unchanged.
	Append(ids []int, text []byte) ([]int, error)

	// AppendText decodes ids and appends their text. Special tokens, including
	// the end of text, are written out. If an id is out of range, it returns an
	// error and text unchanged. Ids may end within a character.
	AppendText(text []byte, ids []int) ([]byte, error)

	// Size returns the number of ids, including the end of text.
	Size() int

	// EndOfText returns the id that separates documents, if there is one: what a
	// loaded tokenizer's files call eos_token, else the token written as
	// EndOfText. Append never returns it: in a text, its spelling is ordinary text.
	EndOfText() (id int, ok bool)

	// Name returns the kind of tokenizer: "bytes", "chars", "bpe", "gpt2", "o200k_harmony", "gpt1", "sentencepiece".
	Name() string

	// Save writes tokenizer.json and tokenizer_config.json into the folder
	// dir, which it creates if necessary. Hugging Face's AutoTokenizer and Load
	// open that folder. The files of a loaded tokenizer keep everything that its
	// original files said.
	Save(dir string) error
}

// A TextError says why and where a text cannot be encoded.
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
