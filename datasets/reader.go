package datasets

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// pieceSize is how many bytes are read and encoded at a time.
const pieceSize = 64 << 10

// A position is a place in the tokens of an epoch: Skip tokens after byte Offset
// of the Doc-th document in the epoch's order. Sum is the sum of the pieces of the
// epoch before that byte.
type position struct {
	Doc    int
	Offset int64
	Skip   int
	Sum    sum
}

// sum detects changes in text that was read before. Its upper half is a CRC-32C of the
// pieces so far, its lower half the number of bytes or tokens in them.
type sum uint64

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// add returns the sum after a piece of the i-th document of the source.
func (s sum) add(i int, p piece) sum {
	var buf [512]byte
	crc := crc32.Update(uint32(s>>32), castagnoli, binary.LittleEndian.AppendUint64(buf[:0], uint64(i)))
	crc = crc32.Update(crc, castagnoli, p.text)
	for ids := range slices.Chunk(p.ids, len(buf)/4) {
		b := buf[:0]
		for _, id := range ids {
			b = binary.LittleEndian.AppendUint32(b, uint32(id))
		}
		crc = crc32.Update(crc, castagnoli, b)
	}
	return sum(crc)<<32 | sum(uint32(s)+uint32(len(p.text)+len(p.ids)))
}

// reader yields the tokens of documents in some order. A piece depends only on
// where it starts, so reading can resume at any position.
type reader struct {
	docs  []Document
	tok   tokenizer.Tokenizer
	order []int // of docs; the identity if nil

	current position // start of the piece that ids are from; Skip is 0
	loaded  bool     // there is such a piece
	next    position // start of the piece after it, and tokens to skip there
	ids     []int    // of the piece, with the end-of-text token if its text ends there
	at      int      // number of ids taken so far
	pieces  pieces   // of the document with index open, if not nil
	open    int
}

// seek makes p the position of the next token.
func (r *reader) seek(p position, order []int) {
	same := len(order) > 0 && len(r.order) > 0 && &order[0] == &r.order[0]
	piece := p
	piece.Skip = 0
	if same && r.loaded && piece == r.current && p.Skip <= len(r.ids) {
		r.at, r.next.Skip = p.Skip, 0
		return
	}
	r.order, r.next = order, p
	r.ids, r.at, r.loaded = r.ids[:0], 0, false
}

// take returns from 1 to n of the next tokens, valid until the next call, or
// io.EOF after the last.
func (r *reader) take(ctx context.Context, n int) ([]int, error) {
	for r.at == len(r.ids) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.load(); err != nil {
			return nil, err
		}
	}
	ids := r.ids[r.at:min(r.at+n, len(r.ids))]
	r.at += len(ids)
	return ids, nil
}

// before returns the position of the n-th token before the next one. It must be among those
// that take returned last.
func (r *reader) before(n int) position {
	p := r.current
	p.Skip = r.at - n
	return p
}

// load reads and encodes the piece at r.next.
func (r *reader) load() error {
	r.loaded = false
	for {
		if r.next.Doc == len(r.docs) {
			return io.EOF
		}
		i := r.next.Doc
		if r.order != nil {
			i = r.order[i]
		}
		p, err := r.piece(i, r.next.Offset)
		if err == io.EOF {
			r.next.Doc, r.next.Offset = r.next.Doc+1, 0
			continue
		}
		if err != nil {
			return err
		}
		ids, err := r.encode(&r.docs[i], p)
		if err != nil {
			return err
		}
		r.current, r.next.Offset = position{r.next.Doc, r.next.Offset, 0, r.next.Sum}, p.next
		r.next.Sum = r.next.Sum.add(i, p)
		if end, ok := r.tok.EndOfText(); ok && p.end {
			ids = append(ids, end)
		}
		if p.last {
			r.next.Doc, r.next.Offset = r.next.Doc+1, 0
		}
		r.ids, r.loaded = ids, true
		r.at = min(r.next.Skip, len(ids))
		r.next.Skip -= r.at
		return nil
	}
}

// piece reads the piece of docs[i] at offset.
func (r *reader) piece(i int, offset int64) (piece, error) {
	if r.pieces == nil || r.open != i {
		if err := r.close(); err != nil {
			return piece{}, err
		}
		p, err := r.docs[i].read()
		if err != nil {
			return piece{}, err
		}
		if plain, ok := p.(*textPieces); ok {
			plain.tokenizer = r.tok
		}
		r.pieces, r.open = p, i
	}
	return r.pieces.piece(offset)
}

// encode returns the ids of a piece.
func (r *reader) encode(d *Document, p piece) ([]int, error) {
	if p.ids != nil {
		size := r.tok.Size()
		for n, id := range p.ids {
			if id >= size {
				return nil, fmt.Errorf("%s: id %d is outside the vocabulary of %d (%s)", r.pieces.where(p.at+int64(n)*d.format.width), id, size, r.tok.Name())
			}
		}
		return append(r.ids[:0], p.ids...), nil
	}
	ids, err := r.tok.Append(r.ids[:0], p.text)
	if e, ok := errors.AsType[*tokenizer.TextError](err); ok {
		e := &tokenizer.TextError{Text: r.pieces.where(p.at), Offset: e.Offset, Problem: e.Problem}
		if d.format == nil {
			e.Offset += d.start + p.at
		}
		return nil, e
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.pieces.where(p.at), err)
	}
	return ids, nil
}

// close closes the document that is open.
func (r *reader) close() error {
	if r.pieces == nil {
		return nil
	}
	err := r.pieces.Close()
	r.pieces = nil
	return err
}

// cut returns where to end a piece that more text follows: the last place where the tokenizer
// (any of this module's if nil) allows a cut, or if there is none, between characters.
func cut(tok tokenizer.Tokenizer, text []byte) int {
	if n := tokenizer.CutFor(tok, text); n > 0 {
		return n
	}
	for i := len(text) - 1; i >= max(1, len(text)-utf8.UTFMax+1); i-- {
		if utf8.RuneStart(text[i]) {
			if utf8.FullRune(text[i:]) {
				break
			}
			return i
		}
	}
	return len(text)
}
