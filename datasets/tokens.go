package datasets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/internal/filekind"
	"github.com/gorgpt/gorgpt/internal/mapped"
	"github.com/gorgpt/gorgpt/store"
)

// shardFormats are the formats of llm.c. nanoGPT's is the first of them without a header.
var shardFormats = []shard.Format{shard.GPT2, shard.Llama}

// headed returns the format of a file that begins with these bytes, nil if it is none of them.
func headed(begin []byte) *shard.Format {
	for i := range shardFormats {
		if f := &shardFormats[i]; len(begin) >= 4 && binary.LittleEndian.Uint32(begin) == f.Magic {
			return f
		}
	}
	return nil
}

// otherFiles are llm.c's other kinds of files, by their magic numbers. They end in .bin too,
// and would be mistaken for nanoGPT's shards.
var otherFiles = map[uint32]string{
	20240326: "a model", 20240327: "a model's debug state", 20240328: "a tokenizer", 20240522: "multiple choice questions",
	20240527: "an optimizer's state",
}

// shardPiece is the number of tokens handed out at a time.
const shardPiece = 32 << 10

// mappedAhead is how many bytes of a mapped file are read before their pages are
// released: resident pages count as this process's memory.
const mappedAhead = 1 << 20

// tokens reports whether the document holds tokens, not text.
func (d Document) tokens() bool { return d.format != nil && !d.format.text }

// shard returns the document of a .bin file. llm.c's shards have a magic number. nanoGPT's have
// nothing to recognize them by, so they must be called train.bin or val.bin unless asked for.
func (o opening) shard(d Document, ending string, asked bool) (Document, error) {
	if ending != "" {
		return d, &notText{"compressed", fmt.Errorf("%s: token shards are mapped into memory: decompress it (%s)", d.path, map[string]string{".gz": "gunzip", ".zst": "unzstd"}[ending])}
	}
	f, err := store.Open(d.path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	head, err := headOf(f)
	if err != nil {
		return d, fmt.Errorf("%s: %w", d.path, err)
	}
	if bytes.HasPrefix(head, []byte(filekind.Pointer.Magic)) {
		return d, &notText{filekind.Pointer.Class, fmt.Errorf("%s: %w", d.path, filekind.Pointer)}
	}
	base := strings.ToLower(store.Base(d.path))
	if !asked && base != "train.bin" && base != "val.bin" && headed(head) == nil {
		return d, &notText{"binary", fmt.Errorf("%s: binary", d.path)}
	}
	return shardDocument(d, head)
}

// shardDocument returns the document of a file of tokens that begins with head. Its Size and
// offsets are in bytes of tokens, without the header.
func shardDocument(d Document, head []byte) (Document, error) {
	tokens, width, start, err := parseShard(head[:min(len(head), shard.HeaderBytes)], d.Size)
	if err != nil {
		return d, fmt.Errorf("%s: %w", d.path, err)
	}
	d.format = &recordFormat{open: openShard, width: width}
	d.start = start
	d.Size = tokens * width
	return d, nil
}

// parseShard returns the number of tokens in a file of the given size that begins with
// these bytes, the bytes per token, and the offset of the first token.
func parseShard(begin []byte, size int64) (tokens, width, start int64, err error) {
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(begin[4*i:]) }
	f := headed(begin)
	switch {
	case f == nil && len(begin) >= 4 && otherFiles[word(0)] != "":
		return 0, 0, 0, fmt.Errorf("offset 0: magic %d is %s of llm.c, want %d or %d (tokens)", word(0), otherFiles[word(0)], shard.GPT2.Magic, shard.Llama.Magic)
	case f == nil && size%2 != 0:
		return 0, 0, 0, fmt.Errorf("%d bytes, want an even number: tokens take two each", size)
	case f == nil:
		return size / 2, 2, 0, nil
	case len(begin) < shard.HeaderBytes:
		return 0, 0, 0, fmt.Errorf("%d bytes, want a header of %d", size, shard.HeaderBytes)
	case word(1) != f.Version:
		return 0, 0, 0, fmt.Errorf("offset 4: version %d, want %d", word(1), f.Version)
	}
	tokens, width = int64(word(2)), int64(f.TokenBytes)
	if want := shard.HeaderBytes + tokens*width; size != want {
		return 0, 0, 0, fmt.Errorf("offset 8: %d tokens make %d bytes, but the file has %d", tokens, want, size)
	}
	return tokens, width, shard.HeaderBytes, nil
}

// shardPieces reads the tokens of a mapped file.
type shardPieces struct {
	doc  *Document
	file mapping
	ids  []int
	kept int64 // offset before which pages have been released
}

func openShard(d *Document) (pieces, error) {
	m, err := mapFile(d.path)
	if err == nil && m.size() < d.start+d.Size {
		err = errors.Join(fmt.Errorf("shorter than %d bytes: it was changed after it was opened", d.start+d.Size), m.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.path, err)
	}
	return &shardPieces{doc: d, file: m}, nil
}

// piece implements pieces.
func (s *shardPieces) piece(offset int64) (piece, error) {
	if offset >= s.doc.Size {
		return piece{}, io.EOF
	}
	n := min(shardPiece*s.doc.format.width, s.doc.Size-offset)
	at := s.doc.start + offset
	raw, err := s.file.bytes(at, n)
	if err != nil {
		return piece{}, fmt.Errorf("%s: %w", s.doc.path, err)
	}
	if err := mapped.Guard(func() error { s.take(raw); return nil }); err != nil {
		return piece{}, err
	}
	switch {
	case at < s.kept:
		s.kept = at
	case at-s.kept >= mappedAhead:
		if err := s.file.release(s.kept, at); err != nil {
			return piece{}, fmt.Errorf("%s: %w", s.doc.path, err)
		}
		s.kept = at
	}
	return piece{ids: s.ids, at: offset, next: offset + n}, nil
}

// take decodes bytes of the file to ids.
func (s *shardPieces) take(raw []byte) {
	s.ids = s.ids[:0]
	if s.doc.format.width == 4 {
		for ; len(raw) >= 4; raw = raw[4:] {
			s.ids = append(s.ids, int(binary.LittleEndian.Uint32(raw)))
		}
		return
	}
	for ; len(raw) >= 2; raw = raw[2:] {
		s.ids = append(s.ids, int(binary.LittleEndian.Uint16(raw)))
	}
}

// where implements pieces.
func (s *shardPieces) where(offset int64) string {
	return fmt.Sprintf("%s: token %d", s.doc.path, offset/s.doc.format.width)
}

// Close implements pieces.
func (s *shardPieces) Close() error { return s.file.Close() }

// mapping is a file mapped into memory, or one that is read if it cannot be mapped.
type mapping interface {
	// bytes returns n bytes from an offset, valid until the next call.
	bytes(offset, n int64) ([]byte, error)
	size() int64
	release(from, to int64) error // frees the memory of these bytes
	Close() error
}

// plainFile is a mapping that reads the file.
type plainFile struct {
	f      store.File
	length int64
	buf    []byte
}

func openPlain(path string) (mapping, error) {
	f, err := store.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &plainFile{f: f, length: info.Size()}, nil
}

func (p *plainFile) bytes(offset, n int64) ([]byte, error) {
	if int64(len(p.buf)) < n {
		p.buf = make([]byte, n)
	}
	_, err := p.f.ReadAt(p.buf[:n], offset)
	return p.buf[:n], err
}

func (p *plainFile) size() int64              { return p.length }
func (p *plainFile) release(_, _ int64) error { return nil }
func (p *plainFile) Close() error             { return p.f.Close() }
