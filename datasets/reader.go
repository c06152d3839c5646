package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// pieceSize is how many bytes are read and encoded at a time.
const pieceSize = 64 << 10

// A position is a place in the tokens of an epoch: Skip tokens after those
// before byte Offset of the Doc-th document in the epoch's order.
type position struct {
	Doc    int
	Offset int64
	Skip   int
}

// reader gives the tokens of documents in some order. What a piece is depends
// only on where it starts, so reading can begin anew at any position.
type reader struct {
	docs  []Document
	tok   tokenizer.Tokenizer
	order []int // of docs; the identity if nil

	piece   position // start of the piece that ids are of; Skip is 0
	loaded  bool     // there is such a piece
	next    position // start of the one after it, and tokens to skip there
	ids     []int    // of the piece, with the end of text if it is the last of its document
	at      int      // ids taken so far
	buf     []byte
	content Content // of document open, if not nil
	open    int
}

// seek makes p the position of the next token.
func (r *reader) seek(p position, order []int) {
	same := len(order) > 0 && len(r.order) > 0 && &order[0] == &r.order[0]
	if same && r.loaded && p.Doc == r.piece.Doc && p.Offset == r.piece.Offset && p.Skip <= len(r.ids) {
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

// last is the position of the token that was taken last.
func (r *reader) last() position {
	p := r.piece
	p.Skip = r.at - 1
	return p
}

// load reads and encodes the piece at r.next.
func (r *reader) load() error {
	if r.next.Doc == len(r.docs) {
		return io.EOF
	}
	r.loaded = false
	i := r.next.Doc
	if r.order != nil {
		i = r.order[i]
	}
	d := &r.docs[i]
	offset := r.next.Offset
	text, err := r.text(i, offset)
	if err != nil {
		return fmt.Errorf("%s: %w", d.where(), err)
	}
	ids, err := r.tok.Append(r.ids[:0], text)
	if e, ok := errors.AsType[*tokenizer.TextError](err); ok {
		return &tokenizer.TextError{Text: d.where(), Offset: d.start + offset + e.Offset, Problem: e.Problem}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.where(), err)
	}
	r.piece, r.next.Offset = position{r.next.Doc, offset, 0}, offset+int64(len(text))
	if r.next.Offset == d.Size {
		if end, ok := r.tok.EndOfText(); ok {
			ids = append(ids, end)
		}
		r.next.Doc, r.next.Offset = r.next.Doc+1, 0
	}
	r.ids, r.loaded = ids, true
	r.at = min(r.next.Skip, len(ids))
	r.next.Skip -= r.at
	return nil
}

// text reads the piece of docs[i] at offset.
func (r *reader) text(i int, offset int64) ([]byte, error) {
	d := &r.docs[i]
	if r.content == nil || r.open != i {
		if err := r.close(); err != nil {
			return nil, err
		}
		c, err := d.open()
		if err != nil {
			return nil, err
		}
		r.content, r.open = c, i
	}
	n := int(min(pieceSize, d.Size-offset))
	r.buf = slices.Grow(r.buf[:0], n)[:n]
	if err := d.readAt(r.content, r.buf, offset); err != nil {
		return nil, err
	}
	if offset+int64(n) == d.Size {
		return r.buf, nil
	}
	return r.buf[:cut(r.buf)], nil
}

// close closes the document that is open.
func (r *reader) close() error {
	if r.content == nil {
		return nil
	}
	err := r.content.Close()
	r.content = nil
	return err
}

// cut returns where to end a piece that text goes on after: before the last
// white space that follows something else, for no tokenizer in use has a token
// across that; if there is none, between characters.
func cut(text []byte) int {
	spaced := false // the character after i is white space
	for i := len(text); i > 0; {
		c, size := rune(text[i-1]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeLastRune(text[:i])
		}
		space := unicode.IsSpace(c)
		if spaced && !space {
			return i
		}
		spaced = space
		i -= size
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
