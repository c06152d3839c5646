package datasets

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// pieces reads a document piece by piece: plain text, one of many texts, or tokens.
type pieces interface {
	// piece returns the piece at an offset, which is 0 or the next of an earlier piece;
	// io.EOF after the last. It is valid until the next call. Errors name the file.
	piece(offset int64) (piece, error)

	// where names the piece at an offset in an error, as in "a.jsonl:17".
	where(offset int64) string

	Close() error
}

// piece is a part of a document: text, or tokens where ids is not nil.
type piece struct {
	text []byte
	ids  []int
	at   int64 // offset of the piece itself, after the one asked for if records were skipped
	next int64 // offset of the piece after it
	end  bool  // the text ends here: the end-of-text token follows
	last bool  // nothing follows in the document; setting it is optional
}

// recordFormat says how to read a file of many texts, or of tokens.
type recordFormat struct {
	open  func(d *Document) (pieces, error)
	field string // name of the field that holds the text
	text  bool   // texts, not tokens
	lines bool   // one text a line, so that a part of the file can be read
	width int64  // bytes per token
}

// share is one side of a split of a file's records by a hash of their text, so that
// equal texts are on the same side.
type share struct {
	fraction   float64
	validation bool
}

// has reports whether a record belongs to the share. All records belong to a nil share.
func (s *share) has(text []byte) bool {
	if s == nil {
		return true
	}
	sum := sha256.Sum256(text)
	return unit(sum[:]) < s.fraction == s.validation
}

// unit maps a hash to a number in [0, 1).
func unit(sum []byte) float64 { return float64(binary.BigEndian.Uint64(sum)>>11) / (1 << 53) }

// faults decides what happens to records that cannot be read, and counts each once,
// however often its file is read.
type faults struct {
	skip bool

	mu    sync.Mutex
	count int
	first error
	at    fault                         // place of first
	seen  map[string]map[int64]struct{} // the offsets counted, by file
	pads  map[string]int64              // bytes of padding after a .gz, by file
}

// fault is the place of a bad record.
type fault struct {
	path   string
	offset int64
}

// before reports whether a reader of the files in order finds f before other.
func (f fault) before(other fault) bool {
	return cmp.Or(cmp.Compare(f.path, other.path), cmp.Compare(f.offset, other.offset)) < 0
}

// padding notes n bytes of padding at the end of a file.
func (f *faults) padding(path string, n int64) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pads == nil {
		f.pads = map[string]int64{}
	}
	f.pads[path] = n
}

// found returns the error of a record, or nil if the record is to be skipped.
func (f *faults) found(path string, offset int64, err error) error {
	if f == nil || !f.skip {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.seen[path][offset]; ok {
		return nil
	}
	if f.seen == nil {
		f.seen = map[string]map[int64]struct{}{}
	}
	if f.seen[path] == nil {
		f.seen[path] = map[int64]struct{}{}
	}
	f.seen[path][offset] = struct{}{}
	f.count++
	if now := (fault{path, offset}); f.first == nil || now.before(f.at) {
		f.first, f.at = err, now
	}
	return nil
}

// Skipped returns how many records have been skipped so far because they could not
// be read, counting each once, and the error of the first; see [SkipBad].
func (s *Source) Skipped() (n int, first error) {
	if s.faults == nil {
		return 0, nil
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return s.faults.count, s.faults.first
}

// Padding returns how many NUL bytes have been ignored so far after the last member of
// .gz files.
func (s *Source) Padding() int64 {
	if s.faults == nil {
		return 0
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	n := int64(0)
	for _, pad := range s.faults.pads {
		n += pad
	}
	return n
}

// textPieces reads plain text in pieces of 64 KiB, or longer ones for a tokenizer whose text
// must not be cut at white space.
type textPieces struct {
	doc       *Document
	content   Content
	buf       []byte
	tokenizer tokenizer.Tokenizer // nil for any of this module's
}

// longestPiece is the largest size of a piece, in bytes.
const longestPiece = 16 << 20

func (t *textPieces) piece(offset int64) (piece, error) {
	d := t.doc
	if offset >= d.Size {
		return piece{}, io.EOF
	}
	for size := pieceSize; ; size *= 2 {
		n := int(min(int64(size), d.Size-offset))
		if len(t.buf) < size {
			t.buf = make([]byte, size)
		}
		text := t.buf[:n]
		if err := d.readAt(t.content, text, offset); err != nil {
			return piece{}, fmt.Errorf("%s: %w", d.where(), err)
		}
		end := offset+int64(n) == d.Size
		if !end {
			if size < longestPiece && tokenizer.CutFor(t.tokenizer, text) == 0 && tokenizer.Cut(text) > 0 {
				continue
			}
			text = text[:cut(t.tokenizer, text)]
		}
		return piece{text: text, at: offset, next: offset + int64(len(text)), end: end, last: end}, nil
	}
}

func (t *textPieces) where(int64) string { return t.doc.where() }

func (t *textPieces) Close() error { return t.content.Close() }

// read opens the document for reading in pieces.
func (d *Document) read() (pieces, error) {
	if d.format != nil {
		return d.format.open(d)
	}
	c, err := d.open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.where(), err)
	}
	return &textPieces{doc: d, content: c}, nil
}
