package tokenizer

import (
	"fmt"
	"io"
	"iter"
)

// A Segment is a text, or a part of a text that encodes as it does within the whole.
type Segment struct {
	Name   string // of the text
	Offset int64  // in the text, in bytes
	Text   []byte
	End    bool // the text ends with it
}

// Unfinished is the reader of a text that may continue elsewhere, as GoesOn reports.
type Unfinished interface {
	io.Reader
	GoesOn() bool
}

// Batches yields texts, which are given with their names, in batches of segments of about
// size bytes in total. Texts that do not fit are cut where [CutFor] allows it for t, or Cut if
// t is nil; a batch is longer if there is nowhere to cut. The batches depend only on the texts, t
// and size, and the receiver may keep them. An error, which names its text, ends the sequence. A
// text that continues elsewhere, see [Unfinished], has no segment that ends it.
func Batches(t Tokenizer, texts iter.Seq2[string, io.Reader], size int) iter.Seq2[[]Segment, error] {
	return func(yield func([]Segment, error) bool) {
		b := batcher{tokenizer: t, size: size, yield: yield}
		for name, r := range texts {
			if !b.text(name, r) {
				return
			}
		}
		if len(b.segments) > 0 {
			yield(b.segments, nil)
		}
	}
}

// batcher assembles batches.
type batcher struct {
	tokenizer Tokenizer
	size      int
	yield     func([]Segment, error) bool

	buf      []byte // holds the segments and the text being read
	segments []Segment
	start    int // start of the current part of the text in buf
}

// text reads a text to its end, and reports whether to continue.
func (b *batcher) text(name string, r io.Reader) bool {
	offset := int64(0)
	b.start = len(b.buf)
	for {
		// Only when the buffer is full, so that the amounts that Read returns do not
		// matter, and a text with nowhere to cut is searched only a few times.
		if len(b.buf) == cap(b.buf) && len(b.buf) > 0 {
			ok := false
			if offset, ok = b.flush(name, offset); !ok {
				return false
			}
		}
		if len(b.buf) == cap(b.buf) {
			b.grow()
		}
		n, err := r.Read(b.buf[len(b.buf):cap(b.buf)])
		b.buf = b.buf[:len(b.buf)+n]
		if err == io.EOF {
			b.segments = append(b.segments, Segment{name, offset, b.buf[b.start:len(b.buf):len(b.buf)], !goesOn(r)})
			return true
		}
		if err != nil {
			if name != "" {
				err = fmt.Errorf("%s: %w", name, err)
			}
			b.yield(nil, err)
			return false
		}
	}
}

// goesOn reports whether a text continues elsewhere.
func goesOn(r io.Reader) bool {
	u, ok := r.(Unfinished)
	return ok && u.GoesOn()
}

// flush yields a batch, if there is one or the text can be cut, and keeps the rest of the
// text. It returns the offset of the rest and whether to continue.
func (b *batcher) flush(name string, offset int64) (int64, bool) {
	part := b.buf[b.start:]
	cut := CutFor(b.tokenizer, part)
	if cut > 0 {
		b.segments = append(b.segments, Segment{name, offset, part[:cut:cut], false})
	}
	if len(b.segments) == 0 {
		return offset, true
	}
	rest := part[cut:]
	if !b.yield(b.segments, nil) {
		return 0, false
	}
	b.segments = nil
	b.buf = append(make([]byte, 0, max(b.size, 2*len(rest))), rest...)
	b.start = 0
	return offset + int64(cut), true
}

// grow makes room, at first for a batch, then for twice as much. Segments keep the old
// buffer.
func (b *batcher) grow() {
	b.buf = append(make([]byte, 0, max(b.size, 2*cap(b.buf))), b.buf...)
}
