package tokenizer

import "slices"

// byteTokenizer has the 256 bytes and the end of text.
type byteTokenizer struct{}

const byteEnd = 256 // id of the end of text

// Bytes returns the tokenizer whose ids 0 to 255 are the bytes themselves and
// whose id 256 is the end of text. It encodes any text, valid UTF-8 or not.
func Bytes() Tokenizer { return byteTokenizer{} }

func (byteTokenizer) Append(ids []int, text []byte) ([]int, error) {
	n := len(ids)
	ids = slices.Grow(ids, len(text))[:n+len(text)]
	for i, b := range text {
		ids[n+i] = int(b)
	}
	return ids, nil
}

func (byteTokenizer) AppendText(text []byte, ids []int) ([]byte, error) {
	n := len(text)
	for i, id := range ids {
		switch {
		case id >= 0 && id < byteEnd:
			text = append(text, byte(id))
		case id == byteEnd:
			text = append(text, EndOfText...)
		default:
			return text[:n], badID(i, id, byteEnd+1)
		}
	}
	return text, nil
}

func (byteTokenizer) Size() int              { return byteEnd + 1 }
func (byteTokenizer) EndOfText() (int, bool) { return byteEnd, true }
func (byteTokenizer) Name() string           { return "bytes" }
