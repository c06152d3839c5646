package shard

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// HeaderBytes is the size of what stands before the tokens.
const HeaderBytes = 256 * 4

// Format is a kind of file: what it begins with, and how many bytes a token has.
type Format struct {
	Magic, Version uint32
	TokenBytes     int
}

// The formats of llm.c, which names them after the models whose vocabularies they are for.
var (
	GPT2  = Format{20240520, 1, 2} // up to 65,536 tokens
	Llama = Format{20240801, 7, 4} // more
)

// For is the format for a vocabulary of that many tokens.
func For(vocabulary int) Format {
	if vocabulary <= GPT2.limit() {
		return GPT2
	}
	return Llama
}

// limit is the size of the largest vocabulary whose ids fit.
func (f Format) limit() int { return 1 << min(8*f.TokenBytes, 31) }

// IndexFile and TokenizerFolder are the names of what a folder that package pack makes has
// beside its shards.
const (
	IndexFile       = "pack.json"
	TokenizerFolder = "tokenizer"
)

// MaxTokens is how many tokens the header can count.
const MaxTokens = math.MaxInt32

// Header returns the header of a file of that many tokens.
func (f Format) Header(tokens int) []byte {
	h := make([]byte, HeaderBytes)
	binary.LittleEndian.PutUint32(h[0:], f.Magic)
	binary.LittleEndian.PutUint32(h[4:], f.Version)
	binary.LittleEndian.PutUint32(h[8:], uint32(tokens))
	return h
}

// Writer writes one file. It appears under its name, complete and synced, when Close
// returns; until then it has the ending .tmp.
type Writer struct {
	path   string
	format Format
	file   *wholefile.File
	buf    []byte
	tokens int
	err    error
}

// Create begins a file of a format.
func Create(path string, format Format) (*Writer, error) {
	f, err := wholefile.Create(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, format: format, file: f, buf: make([]byte, 0, 1<<20)}
	if _, err := f.Write(format.Header(0)); err != nil { // its place; Close fills it in
		w.Abort()
		return nil, err
	}
	return w, nil
}

// Write appends tokens. An id that does not fit is an error, and so is a file of more than MaxTokens.
func (w *Writer) Write(ids []int) error {
	if w.err == nil && len(ids) > MaxTokens-w.tokens {
		w.err = fmt.Errorf("%s: more than %d tokens in one file", w.path, MaxTokens)
	}
	limit := w.format.limit()
	for len(ids) > 0 && w.err == nil {
		part := ids[:min(len(ids), cap(w.buf)/w.format.TokenBytes)]
		ids = ids[len(part):]
		w.buf = w.buf[:0]
		for _, id := range part {
			if id < 0 || id >= limit {
				w.err = fmt.Errorf("%s: token %d: id %d, want 0 to %d", w.path, w.tokens, id, limit-1)
				return w.err
			}
			if w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(id)); w.format.TokenBytes == 4 {
				w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(id>>16))
			}
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
		_, w.err = w.file.WriteAt(w.format.Header(w.tokens), 0)
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
