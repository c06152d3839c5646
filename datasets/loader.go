package datasets

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/tokenizer"
)

type kind string

const (
	training   kind = "training"
	validation kind = "validation"
)

// loader implements Stream for both kinds.
type loader struct {
	kind   kind
	src    *Source
	tok    tokenizer.Tokenizer
	config Config // with the default filled in for Buffer
	prints prints
	slack  int // maximum number of tokens skipped at the start of an epoch
	closed bool

	cursor
	reader reader
	block  block
	batch  Batch
	// order of the documents in epoch ordered-1; ordered is 0 if there is none yet
	order   []int
	ordered int
}

// cursor is the position in a stream: Taken windows of the block that starts
// at Start have been handed out. Read is the sum of the epoch's pieces up to and including
// the last of that block, once the block has been read.
type cursor struct {
	Epoch int
	Start position
	Taken int
	Read  sum
}

// block is a run of windows that are shuffled together.
type block struct {
	tokens []int32
	spans  []span   // the windows, in the order they are handed out
	end    position // start of the next block
	rest   []int32  // tokens from end on that have been read already, if windows are packed
	last   bool     // no window is left in the epoch after this block
	loaded bool
}

// span is a window: length tokens from index at, each with the next as its target.
type span struct{ at, length int32 }

func newLoader(src *Source, tok tokenizer.Tokenizer, c Config, k kind) (*loader, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Buffer == 0 {
		c.Buffer = DefaultBuffer
	}
	if k == validation {
		c.Seed, c.Anywhere = 0, false
	}
	if _, ok := tok.EndOfText(); c.Packed && !ok {
		return nil, fmt.Errorf("windows cannot be packed: the tokenizer (%s) has no end-of-text token, which separates documents", tok.Name())
	}
	l := &loader{
		kind:   k,
		src:    src,
		tok:    tok,
		config: c,
		reader: reader{docs: src.docs, tok: tok},
		batch:  Batch{Size: c.Batch, Context: c.Context},
	}
	err := checkMade(src, tok)
	if err == nil {
		err = l.measure()
	}
	if err == nil {
		l.prints, err = newPrints(src, tok)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	l.cursor = l.epoch(0)
	return l, nil
}

// measure counts the tokens, up to 2T: the text must hold a window wherever
// an epoch's first window may start.
func (l *loader) measure() error {
	t, n := l.config.Context, 0
	for n < 2*t {
		ids, err := l.reader.take(context.Background(), 2*t-n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		n += len(ids)
	}
	if n < t+1 {
		return &ShortError{l.src.name, l.tok.Name(), n, t}
	}
	l.slack = min(t-1, n-t-1)
	return nil
}

// epoch returns the cursor at the start of an epoch.
func (l *loader) epoch(e int) cursor {
	c := cursor{Epoch: e}
	if l.kind == training && !l.config.Packed { // packed windows begin where documents do
		c.Start.Skip = random("phase", l.config.Seed, uint64(e)).IntN(l.slack + 1)
	}
	return c
}

// Next implements Stream.
func (l *loader) Next(ctx context.Context) (Batch, error) {
	if l.closed {
		return Batch{}, errClosed
	}
	if err := ctx.Err(); err != nil {
		return Batch{}, err
	}
	b, t := l.config.Batch, l.config.Context
	l.batch.Tokens = slices.Grow(l.batch.Tokens[:0], b*t)[:b*t]
	l.batch.Targets = slices.Grow(l.batch.Targets[:0], b*t)[:b*t]
	before := l.cursor
	for row := range b {
		err := l.row(ctx, row)
		if err == io.EOF && row > 0 { // the last of a finite stream
			l.blank(row)
			break
		}
		if err != nil {
			if err != io.EOF {
				l.rewind(before)
			}
			return Batch{}, err
		}
	}
	return l.batch, nil
}

// row fills a row of the batch with the next window.
func (l *loader) row(ctx context.Context, row int) error {
	window, err := l.window(ctx)
	if err != nil {
		return err
	}
	t := l.config.Context
	tokens, targets := l.batch.Tokens[row*t:][:t], l.batch.Targets[row*t:][:t]
	n := len(window) - 1
	for i := range n {
		tokens[i], targets[i] = int(window[i]), int(window[i+1])
	}
	for i := n; i < t; i++ { // padding: any token will do
		tokens[i], targets[i] = int(window[n]), Ignore
	}
	return nil
}

// blank clears the rows of the batch from index from on, which then have no targets.
func (l *loader) blank(from int) {
	for i := from * l.config.Context; i < len(l.batch.Tokens); i++ {
		l.batch.Tokens[i], l.batch.Targets[i] = 0, Ignore
	}
}

// window returns the next window and advances past it.
func (l *loader) window(ctx context.Context) ([]int32, error) {
	for {
		if l.kind == validation && l.Epoch > 0 {
			return nil, io.EOF
		}
		if !l.block.loaded {
			if err := l.fill(ctx); err != nil {
				return nil, err
			}
		}
		if l.Taken < len(l.block.spans) {
			w := l.block.spans[l.Taken]
			l.Taken++
			return l.block.tokens[w.at:][:w.length+1], nil
		}
		if l.block.last {
			l.cursor = l.epoch(l.Epoch + 1)
		} else {
			l.cursor = cursor{Epoch: l.Epoch, Start: l.block.end}
		}
		l.block.loaded = false
	}
}

// rewind goes back to an earlier cursor.
func (l *loader) rewind(c cursor) {
	if c.Epoch != l.Epoch || c.Start != l.Start {
		l.block.loaded, l.block.rest = false, nil
	}
	l.cursor = c
}

// fill reads the block that starts at the cursor.
func (l *loader) fill(ctx context.Context) error {
	t := l.config.Context
	want := max(1, l.config.Buffer/t)*t + 1
	b := &l.block
	b.tokens = b.tokens[:0]
	if !l.src.records() {
		// A token takes at least a byte, except for one at the end of each document.
		b.tokens = slices.Grow(b.tokens, int(min(int64(want), l.src.size+int64(len(l.src.docs)))))
	}
	if len(b.rest) > 0 && l.Start == b.end {
		b.tokens = append(b.tokens, b.rest...) // to seek, a compressed file would be read from its beginning again
	} else {
		l.reader.seek(l.Start, l.documents(l.Epoch))
	}
	b.last, b.rest = false, b.rest[:0]
	whole, wholeEnd := 0, position{} // the last end of a document, if windows are packed
	for len(b.tokens) < want && !b.last {
		ids, err := l.reader.take(ctx, want-len(b.tokens))
		if err == io.EOF {
			b.last = true
			break
		}
		if err != nil {
			return err
		}
		if i := l.lastEnd(ids); i >= 0 {
			whole, wholeEnd = len(b.tokens)+i, l.reader.before(len(ids)-i)
		}
		for _, id := range ids {
			b.tokens = append(b.tokens, int32(id))
		}
	}
	if !b.last {
		b.end = l.reader.before(1)
	}
	if !b.last && whole > 0 { // a document that is incomplete here begins the next block
		b.rest = append(b.rest, b.tokens[whole:]...)
		b.tokens, b.end = b.tokens[:whole+1], wholeEnd
	}
	l.Read = l.reader.next.Sum
	rng := random("windows", l.config.Seed, uint64(l.Epoch), uint64(l.Start.Doc), uint64(l.Start.Offset), uint64(l.Start.Skip))
	l.cut(rng)
	rng.Shuffle(len(b.spans), func(i, j int) { b.spans[i], b.spans[j] = b.spans[j], b.spans[i] })
	if l.kind == validation && b.last && !l.config.Packed {
		if n := (len(b.tokens) - 1) % t; n > 0 { // too few for a full window; appended last to keep the order of the others
			b.spans = append(b.spans, span{int32(len(b.tokens) - 1 - n), int32(n)})
		}
	}
	b.loaded = true
	return nil
}

// lastEnd returns the index of the last end-of-text token in ids, −1 if there is none or windows are not packed.
func (l *loader) lastEnd(ids []int) int {
	end, _ := l.tok.EndOfText()
	for i := len(ids) - 1; i >= 0 && l.config.Packed; i-- {
		if ids[i] == end {
			return i
		}
	}
	return -1
}

// cut divides the block into windows, before they are shuffled.
func (l *loader) cut(rng *rand.Rand) {
	t, b := l.config.Context, &l.block
	b.spans = b.spans[:0]
	if l.config.Packed {
		end, _ := l.tok.EndOfText()
		for at := 0; at < len(b.tokens)-1; {
			n := packed(b.tokens[at:], t, int32(end))
			b.spans = append(b.spans, span{int32(at), int32(n)})
			at += n
		}
		return
	}
	for w := range max(0, len(b.tokens)-1) / t {
		at := w * t
		if l.config.Anywhere {
			at = rng.IntN(len(b.tokens) - t)
		}
		b.spans = append(b.spans, span{int32(at), int32(t)})
	}
}

// packed returns the length of the longest window of at most t tokens whose last target
// ends a document. If there is none, the window takes t tokens, or all that are left.
func packed(tokens []int32, t int, end int32) int {
	n := min(t, len(tokens)-1)
	for i := n; i > 0; i-- {
		if tokens[i] == end {
			return i
		}
	}
	return n
}

// documents returns the order of the documents in an epoch.
func (l *loader) documents(epoch int) []int {
	if l.ordered != epoch+1 {
		l.order = random("documents", l.config.Seed, uint64(epoch)).Perm(len(l.src.docs))
		l.ordered = epoch + 1
	}
	return l.order
}

// Close implements Stream.
func (l *loader) Close() error {
	l.closed = true
	l.block = block{}
	return l.reader.close()
}

// A ShortError reports a text that has fewer tokens than a window takes.
type ShortError struct {
	Text, Tokenizer string
	Tokens, Context int
}

func (e *ShortError) Error() string {
	return fmt.Sprintf("%s: %s (%s), want at least %d: a context of %d and the token after it", e.Text, plural.Of(e.Tokens, "token"), e.Tokenizer, e.Context+1, e.Context)
}
