package shard

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math"

	"github.com/gorgpt/gorgpt/store"
)

// HeaderBytes is the size of the header before the tokens.
const HeaderBytes = 256 * 4

// Format is a file format: its magic number, its version and the number of bytes per token.
type Format struct {
	Magic, Version uint32
	TokenBytes     int
}

// The formats of llm.c, which names them after the models whose vocabularies they are for.
var (
	GPT2  = Format{20240520, 1, 2} // up to 65,536 tokens
	Llama = Format{20240801, 7, 4} // for larger vocabularies
)

// For returns the format for a vocabulary of that many tokens.
func For(vocabulary int) Format {
	if vocabulary <= GPT2.limit() {
		return GPT2
	}
	return Llama
}

// limit returns the size of the largest vocabulary whose ids fit.
func (f Format) limit() int { return 1 << min(8*f.TokenBytes, 31) }

// IndexFile and TokenizerFolder are the names of the index and of the tokenizer's folder that
// package pack writes next to its shards.
const (
	IndexFile       = "pack.json"
	TokenizerFolder = "tokenizer"
)

// MaxTokens is the largest number of tokens in a file.
const MaxTokens = math.MaxInt32

// Header returns the header of a file of that many tokens.
func (f Format) Header(tokens int) []byte {
	h := make([]byte, HeaderBytes)
	binary.LittleEndian.PutUint32(h[0:], f.Magic)
	binary.LittleEndian.PutUint32(h[4:], f.Version)
	binary.LittleEndian.PutUint32(h[8:], uint32(tokens))
	return h
}

// Append appends tokens to b in the encoding of the format. An id that does not fit is an error.
func (f Format) Append(b []byte, ids []int) ([]byte, error) {
	limit := f.limit()
	for i, id := range ids {
		if id < 0 || id >= limit {
			return b, &idError{i, id, limit}
		}
		if b = binary.LittleEndian.AppendUint16(b, uint16(id)); f.TokenBytes == 4 {
			b = binary.LittleEndian.AppendUint16(b, uint16(id>>16))
		}
	}
	return b, nil
}

// idError is the error of an id that does not fit.
type idError struct{ token, id, limit int }

func (e *idError) Error() string {
	return fmt.Sprintf("token %d: id %d, want 0 to %d", e.token, e.id, e.limit-1)
}

// Writer writes one file whose number of tokens is known in advance. The file appears under its name, complete,
// when Close returns.
type Writer struct {
	name   string
	format Format
	file   store.Writer
	sum    hash.Hash
	buf    []byte
	tokens int // written
	want   int
	err    error
}

// Create begins a file of that many tokens, at most MaxTokens. The name is a path or URL as for package store.
func Create(name string, format Format, tokens int) (*Writer, error) {
	if tokens < 0 || tokens > MaxTokens {
		return nil, fmt.Errorf("%s: %d tokens in one file, want 0 to %d", name, tokens, MaxTokens)
	}
	f, err := store.Create(name)
	if err != nil {
		return nil, err
	}
	w := &Writer{name: name, format: format, file: f, sum: sha256.New(), want: tokens}
	if w.put(format.Header(tokens)); w.err != nil {
		w.Abort()
		return nil, w.err
	}
	return w, nil
}

// put writes bytes.
func (w *Writer) put(b []byte) {
	w.sum.Write(b)
	_, w.err = w.file.Write(b)
}

// Write appends tokens. An id that does not fit is an error.
func (w *Writer) Write(ids []int) error {
	const most = 256 << 10 // at a time
	for len(ids) > 0 && w.err == nil {
		part := ids[:min(len(ids), most)]
		ids = ids[len(part):]
		var bad *idError
		if w.buf, w.err = w.format.Append(w.buf[:0], part); errors.As(w.err, &bad) {
			bad.token += w.tokens
			w.err = fmt.Errorf("%s: %w", w.name, bad)
			break
		}
		w.WriteBytes(w.buf)
	}
	return w.err
}

// WriteBytes appends tokens encoded by [Format.Append].
func (w *Writer) WriteBytes(b []byte) error {
	if w.err == nil {
		w.tokens += len(b) / w.format.TokenBytes
		w.put(b)
	}
	return w.err
}

// Tokens returns the number of tokens written so far.
func (w *Writer) Tokens() int { return w.tokens }

// SHA256 returns the digest of what was written so far, in hexadecimal digits.
func (w *Writer) SHA256() string { return hex.EncodeToString(w.sum.Sum(nil)) }

// Close gives the file its name. After an error of Write, or if the number of tokens written differs
// from that given to Create, it removes the file and returns the error.
func (w *Writer) Close() error {
	if w.err == nil && w.tokens != w.want {
		w.err = fmt.Errorf("%s: %d tokens were written, want %d", w.name, w.tokens, w.want)
	}
	if w.err != nil {
		w.file.Discard()
		return w.err
	}
	return w.file.Commit()
}

// Abort removes what was written.
func (w *Writer) Abort() { w.file.Discard() }
