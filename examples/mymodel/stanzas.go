package mymodel

import (
	"bytes"
	"io"
	"os"

	"github.com/gorgpt/gorgpt/datasets"
)

// stanzas are the texts of a .stanzas file, which are separated by empty lines.
type stanzas [][]byte

func init() {
	datasets.RegisterFormat(".stanzas", func(path string) (datasets.Records, error) {
		text, err := os.ReadFile(path)
		return stanzas(bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n\n"))), err
	})
}

// Text returns a stanza.
func (s stanzas) Text(n int64) ([]byte, error) {
	if n >= int64(len(s)) {
		return nil, io.EOF
	}
	return s[n], nil
}

// Close does nothing, as the whole file was read at once.
func (stanzas) Close() error { return nil }
