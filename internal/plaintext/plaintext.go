// Package plaintext is the rule for text that comes from files and from standard input, in
// one place: a byte-order mark at the very beginning is no part of the text, and what a
// format defines as UTF-8 is UTF-8 or an error, never mended with U+FFFD. Plain text is
// bytes: its tokenizer takes them or says which it cannot.
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

// Mark is the byte-order mark in UTF-8, which editors on Windows put first.
const Mark = "\ufeff"

// Trim drops a mark at the beginning of a text.
func Trim(text []byte) []byte { return bytes.TrimPrefix(text, []byte(Mark)) }

// Skip drops a mark at the beginning of a stream. It waits for no more bytes than there are
// if they are no mark, so that a line typed is answered.
func Skip(r *bufio.Reader) {
	for n := 1; n <= len(Mark); n++ {
		if b, err := r.Peek(n); err != nil || string(b) != Mark[:n] {
			return // an error comes again when the text is read
		}
	}
	r.Discard(len(Mark)) // which is buffered
}

// Read reads a whole file of text, without a mark. A file that is known to be something else
// is an error that says what to do.
func Read(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Of(path, data)
}

// Of is Read of a file whose bytes have been read.
func Of(path string, data []byte) ([]byte, error) {
	if kind, ok := filekind.Of(data); ok {
		return nil, fmt.Errorf("%s: %w", path, kind)
	}
	return Trim(data), nil
}

// Open is Read of a text that is read piece by piece.
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

// Check is an error that has the offset of the first byte that is not UTF-8.
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
