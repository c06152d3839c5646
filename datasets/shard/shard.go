package shard

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// What a file begins with, and the sizes of its parts in bytes.
const (
	Magic       = 20240520
	Version     = 1
	HeaderBytes = 256 * 4
	TokenBytes  = 2
)

// IndexFile and TokenizerFolder are the names of what a folder that package pack makes has
// beside its shards.
const (
	IndexFile       = "pack.json"
	TokenizerFolder = "tokenizer"
)

// MaxTokens is how many tokens the header can count.
const MaxTokens = math.MaxInt32

// MaxVocabulary is the size of the largest vocabulary whose ids fit.
const MaxVocabulary = math.MaxUint16 + 1

// Header returns the header of a file of that many tokens.
func Header(tokens int) []byte {
	h := make([]byte, HeaderBytes)
	binary.LittleEndian.PutUint32(h[0:], Magic)
	binary.LittleEndian.PutUint32(h[4:], Version)
	binary.LittleEndian.PutUint32(h[8:], uint32(tokens))
	return h
}

// Writer writes one file. It appears under its name, complete and synced, when Close
// returns; until then it has the ending .tmp.
type Writer struct {
	path   string
	file   *wholefile.File
	buf    []byte
	tokens int
	err    error
}

// Create begins a file.
func Create(path string) (*Writer, error) {
	f, err := wholefile.Create(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, file: f, buf: make([]byte, 0, 1<<20)}
	if _, err := f.Write(Header(0)); err != nil { // its place; Close fills it in
		w.Abort()
		return nil, err
	}
	return w, nil
}

// Write appends tokens. An id that does not fit in 16 bits is an error, and so is a
// file of more than MaxTokens.
func (w *Writer) Write(ids []int) error {
	if w.err == nil && len(ids) > MaxTokens-w.tokens {
		w.err = fmt.Errorf("%s: more than %d tokens in one file", w.path, MaxTokens)
	}
	for len(ids) > 0 && w.err == nil {
		part := ids[:min(len(ids), cap(w.buf)/TokenBytes)]
		ids = ids[len(part):]
		w.buf = w.buf[:0]
		for _, id := range part {
			if id < 0 || id >= MaxVocabulary {
				w.err = fmt.Errorf("%s: token %d: id %d, want 0 to %d", w.path, w.tokens, id, MaxVocabulary-1)
				return w.err
			}
			w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(id))
			w.tokens++
		}
		_, w.err = w.file.Write(w.buf)
	}
	return w.err
}

// Tokens is the number of tokens written.
func (w *Writer) Tokens() int { return w.tokens }

// Close fills in the header and gives the file its name. After an error of Write it
// removes the file and returns that error.
func (w *Writer) Close() error {
	if w.err == nil {
		_, w.err = w.file.WriteAt(Header(w.tokens), 0)
	}
	if w.err != nil {
		w.file.Discard()
		return w.err
	}
	return w.file.Commit()
}

// Abort removes what was written.
func (w *Writer) Abort() {
	w.file.Discard()
}
