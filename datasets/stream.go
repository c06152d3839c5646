package datasets

import (
	"context"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// A Batch holds B·T tokens and, for each, the next token, row-major (B, T).
type Batch struct {
	Size    int // B, windows in the batch
	Context int // T, tokens in a window
	Tokens  []int
	Targets []int // Ignore where there is none
}

// Targeted is the number of positions that have a target: what a mean over the batch is
// over.
func (b Batch) Targeted() int {
	n := 0
	for _, t := range b.Targets {
		if t != Ignore {
			n++
		}
	}
	return n
}

// Ignore is the target of a position that has none: padding, or a prompt that only
// the answer to is to be learned. It counts neither in a loss nor in its gradient.
const Ignore = -1

// A Stream gives batches one after another. Its methods are for one goroutine
// at a time.
type Stream interface {
	// Next returns the next batch, whose slices are valid until the next
	// call. At the end of a finite stream the error is io.EOF. After any
	// other error, that of ctx for one, the position is as before the call.
	Next(ctx context.Context) (Batch, error)

	// State returns the position after the batches handed out so far: a
	// line of JSON of about 400 bytes.
	State() ([]byte, error)

	// Restore goes to a position: what follows is, to the id, what followed
	// when State returned it, in this or another process. A state of another
	// corpus, tokenizer or Config is an error that says which; the stream
	// then stays where it was.
	Restore(state []byte) error

	// Close releases what the stream holds; Next is an error from then on.
	Close() error
}

// DefaultBuffer is the number of tokens in a block of windows that are
// shuffled together where Config.Buffer is 0. They take 16 MB, and all of a
// text of 4 MB in bytes is in one block.
const DefaultBuffer = 4 << 20

// Config is the shape of a stream's batches and what their order depends on.
type Config struct {
	// Batch is B, the number of windows in a batch.
	Batch int

	// Context is T, the number of tokens that a window gives the model. A
	// window takes T+1 tokens of text, the last being only a target.
	Context int

	// Seed fixes the order of a training stream. Validation has its own.
	Seed uint64

	// Buffer is the number of tokens that are shuffled together; 0 means
	// DefaultBuffer.
	Buffer int

	// Anywhere lets the windows of a training stream start at any token of a
	// block, drawn with replacement, as nanoGPT's do, where otherwise they cut it
	// end to end and each token is predicted once an epoch. On a text that is seen
	// more than once, windows that never fall the same way again teach more: on
	// Tiny Shakespeare, 1.5 epochs of gpt2-nano end at a loss 0.01 lower.
	Anywhere bool

	// Packed lets no window hold a part of a document that fits into one: each takes
	// as many whole documents as fit, and the rest of it is padding whose targets are
	// Ignore. Documents longer than T are cut, and only they. It needs a tokenizer
	// with an end of text.
	Packed bool
}

// maxBatch bounds B·T and Buffer, in tokens.
const maxBatch = 1 << 30

func (c *Config) check() error {
	switch {
	case c.Batch < 1:
		return fmt.Errorf("batch is %d windows, want at least 1", c.Batch)
	case c.Context < 1:
		return fmt.Errorf("context is %d tokens, want at least 1", c.Context)
	case c.Batch > maxBatch/c.Context:
		return fmt.Errorf("a batch of %d windows of %d tokens has more than %d tokens", c.Batch, c.Context, maxBatch)
	case c.Packed && c.Anywhere:
		return errors.New("windows cannot both be packed and start anywhere")
	case c.Buffer < 0 || c.Buffer > maxBatch:
		return fmt.Errorf("buffer is %d tokens, want 0 (for %d) to %d", c.Buffer, DefaultBuffer, maxBatch)
	}
	return nil
}

// NewTraining returns an endless stream of batches: see the package comment for
// the order. A text of fewer than T+1 tokens is an error; so is one that the
// tokenizer cannot encode, here or where Next reaches the place.
func NewTraining(src *Source, tok tokenizer.Tokenizer, c Config) (Stream, error) {
	return newStream(src, tok, c, training)
}

// NewValidation returns a stream of one epoch, whose order depends on nothing
// but the source, the tokenizer and the Config's shape: documents and windows
// are shuffled the same way every time, so that the first batches are a fair
// sample of all. Each token but the first is a target once, whatever B is: the tokens
// that are left after the last whole window make a shorter one, padded, and the rows of
// the last batch that there is no window for have no targets. Restoring the state of a
// new stream starts the next evaluation.
func NewValidation(src *Source, tok tokenizer.Tokenizer, c Config) (Stream, error) {
	return newStream(src, tok, c, validation)
}

// newStream is newLoader with a nil Stream beside an error.
func newStream(src *Source, tok tokenizer.Tokenizer, c Config, k kind) (Stream, error) {
	l, err := newLoader(src, tok, c, k)
	if err != nil {
		return nil, err
	}
	return l, nil
}

var errClosed = errors.New("the stream of batches is closed")
