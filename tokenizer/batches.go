package tokenizer

import (
	"fmt"
	"io"
	"iter"
)

// A Segment is a text or a part of one, which encodes as it does in the whole text.
type Segment struct {
	Name   string // of the text
	Offset int64  // in the text, in bytes
	Text   []byte
	End    bool // the text ends with it
}

// Unfinished is the reader of a text that is not all there is of it: it goes on elsewhere.
type Unfinished interface {
	io.Reader
	GoesOn() bool
}

// Batches yields texts, which come with their names, in batches of segments of about
// size bytes together: whole texts, and longer ones cut where [CutFor] says for t, or Cut if
// it is nil. A batch is longer where there is nowhere to cut. The batches depend on the texts and on size
// alone, and each is the receiver's to keep. An error, which names its text, ends them. A text whose reader is
// [Unfinished] has no segment that ends it.
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

// batcher puts batches together.
type batcher struct {
	tokenizer Tokenizer
	size      int
	yield     func([]Segment, error) bool

	buf      []byte // what the segments are in, and the text that is being read
	segments []Segment
	start    int // where the part of the text begins in buf
}

// text reads a text to its end, and returns whether to go on.
func (b *batcher) text(name string, r io.Reader) bool {
	offset := int64(0)
	b.start = len(b.buf)
	for {
		// Only when the buffer is full, so that how much Read gives does not matter,
		// and a text without a place to cut is searched a few times at most.
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

// goesOn tells whether a text is not all there is of it.
func goesOn(r io.Reader) bool {
	u, ok := r.(Unfinished)
	return ok && u.GoesOn()
}

// flush yields a batch, if there is where to cut the text, and keeps what is left of
// it; it returns the offset of that.
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

// grow makes room, at first for a batch, then for twice as much. The segments stay
// where they are.
func (b *batcher) grow() {
	b.buf = append(make([]byte, 0, max(b.size, 2*cap(b.buf))), b.buf...)
}
