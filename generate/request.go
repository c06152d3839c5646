package generate

import (
	"errors"
	"fmt"
)

// Request is a sequence to go on with.
type Request struct {
	Prompt []int
	// Tokens is the most that are generated.
	Tokens int
	// Echo yields the tokens of the prompt first, which must fit in the context, with
	// log-probabilities as those that follow. Tokens may then be 0.
	Echo bool
	Options
	// Sample numbers sequences of one seed, each of which draws from a random stream of its own.
	Sample int
	// Fits refuses the request if the prompt and all tokens may not fit in the context, beyond
	// which the window of a sequence slides.
	Fits bool
}

// Errors of requests.
var (
	ErrQueueFull = errors.New("generate: the queue is full")
	ErrClosed    = errors.New("generate: the engine is closed")
	ErrTooLong   = errors.New("generate: longer than the context")

	errNoPrompt = errors.New("generate: no tokens to go on from")
)

// validate tells what is wrong with the request for a model of so many positions.
func (r Request) validate(context int) error {
	if err := r.Options.Validate(); err != nil {
		return err
	}
	switch {
	case len(r.Prompt) == 0:
		return errNoPrompt
	case r.Tokens < 0 || r.Tokens == 0 && !r.Echo:
		return fmt.Errorf("generate: %d tokens asked for, want 1 or more", r.Tokens)
	case r.Fits && r.Tokens > context-len(r.Prompt), r.Echo && len(r.Prompt) > context:
		return fmt.Errorf("%w: %d tokens and %d more, of %d", ErrTooLong, len(r.Prompt), r.Tokens, context)
	}
	return nil
}
