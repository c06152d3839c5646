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
	Targets []int // Ignore where a token has no target
}

// Targeted returns the number of positions that have a target, by which a mean over the
// batch divides.
func (b Batch) Targeted() int {
	n := 0
	for _, t := range b.Targets {
		if t != Ignore {
			n++
		}
	}
	return n
}

// Ignore is the target of a position that has none: padding, or a prompt where the model
// is trained only on the answer. It contributes neither to a loss nor to its gradient.
const Ignore = -1

// A Stream yields batches one after another. Its methods must not be called
// concurrently.
type Stream interface {
	// Next returns the next batch, whose slices are valid until the next
	// call. At the end of a finite stream the error is io.EOF. After any
	// other error, including ctx's, the position is as before the call.
	Next(ctx context.Context) (Batch, error)

	// State returns the position after the batches handed out so far: a
	// line of JSON of about 400 bytes.
	State() ([]byte, error)

	// Restore moves to a position: the batches that follow are, id for id,
	// those that followed when State returned it, in this or another process.
	// A state of another corpus, tokenizer or Config is an error that says
	// which of them differs; the stream's position is then unchanged.
	Restore(state []byte) error

	// Close releases what the stream holds; Next is an error from then on.
	Close() error
}

// DefaultBuffer is the number of tokens in a block of windows that are
// shuffled together if Config.Buffer is 0. They take 16 MB, and a text of
// 4 MB encoded as bytes fits into one block.
const DefaultBuffer = 4 << 20

// Config is the shape of a stream's batches and what their order depends on.
type Config struct {
	// Batch is B, the number of windows in a batch.
	Batch int

	// Context is T, the number of tokens in a window that the model sees. A
	// window takes T+1 tokens of text, of which the last is only a target.
	Context int

	// Seed fixes the order of a training stream. Validation ignores it.
	Seed uint64

	// Buffer is the number of tokens that are shuffled together; 0 means
	// DefaultBuffer.
	Buffer int

	// Anywhere lets the windows of a training stream start at any token of a
	// block, drawn with replacement, as in nanoGPT. Otherwise windows cover the
	// block end to end, and each token is predicted once an epoch. On a text that
	// is seen more than once, windows that do not repeat give a better model: on
	// Tiny Shakespeare, 1.5 epochs of gpt2-nano end at a loss 0.01 lower.
	Anywhere bool

	// Packed keeps documents whole: each window takes as many whole documents as
	// fit, and the rest of it is padding whose targets are Ignore. Only documents
	// longer than T are cut. It needs a tokenizer with an end-of-text token.
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

// NewTraining returns an endless stream of batches; see the package comment for
// their order. A text of fewer than T+1 tokens is an error; so is one that the
// tokenizer cannot encode, either here or when Next reaches the place.
func NewTraining(src *Source, tok tokenizer.Tokenizer, c Config) (Stream, error) {
	return newStream(src, tok, c, training)
}

// NewValidation returns a stream of one epoch, whose order depends only on the
// source, the tokenizer and the Config's shape: documents and windows are
// shuffled the same way every time, so that the first batches are a fair
// sample of all. Each token except the first is a target once, whatever B is: the tokens
// left after the last whole window make a shorter, padded window, and rows of the last
// batch for which there is no window have no targets. Restoring the state of a new
// stream starts the next evaluation.
func NewValidation(src *Source, tok tokenizer.Tokenizer, c Config) (Stream, error) {
	return newStream(src, tok, c, validation)
}

// newStream is newLoader, except that it returns a nil Stream with an error.
func newStream(src *Source, tok tokenizer.Tokenizer, c Config, k kind) (Stream, error) {
	l, err := newLoader(src, tok, c, k)
	if err != nil {
		return nil, err
	}
	return l, nil
}

var errClosed = errors.New("the stream of batches is closed")
