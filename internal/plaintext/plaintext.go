// Package plaintext defines, in one place, how text from files and from standard input is treated. A byte-order
// mark at the very beginning is not part of the text. Text that a format defines as UTF-8 must be valid UTF-8; it
// is never repaired with U+FFFD. Plain text consists of bytes: the tokenizer accepts them or reports those that
// it cannot.
package plaintext

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/filekind"
)

// Mark is the UTF-8 byte-order mark, which editors on Windows put at the beginning.
const Mark = "\ufeff"

// Trim removes a byte-order mark from the beginning of a text.
func Trim(text []byte) []byte { return bytes.TrimPrefix(text, []byte(Mark)) }

// Skip removes a byte-order mark from the beginning of a stream. If the first bytes are not a mark, it does not
// wait for more, so that a typed line is answered.
func Skip(r *bufio.Reader) {
	for n := 1; n <= len(Mark); n++ {
		if b, err := r.Peek(n); err != nil || string(b) != Mark[:n] {
			return // an error occurs again when the text is read
		}
	}
	r.Discard(len(Mark)) // they are buffered, so there is no error
}

// Read reads a text file, without a byte-order mark. If the file is recognized as something else, it returns an
// error that says what to do.
func Read(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Of(path, data)
}

// Of is Read for a file whose bytes have already been read.
func Of(path string, data []byte) ([]byte, error) {
	if kind, ok := filekind.Of(data); ok {
		return nil, fmt.Errorf("%s: %w", path, kind)
	}
	return Trim(data), nil
}

// Open is Read for a text that is read piece by piece.
func Open(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(f)
	head, err := r.Peek(512)
	if err == io.EOF {
		err = nil
	}
	if kind, ok := filekind.Of(head); ok {
		err = kind
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	Skip(r)
	return struct {
		io.Reader
		io.Closer
	}{r, f}, nil
}

// Check returns an error with the offset of the first byte that is not valid UTF-8.
func Check(text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	for i := 0; ; {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return fmt.Errorf("offset %d: byte 0x%02x is not valid UTF-8", i, text[i])
		}
		i += n
	}
}
