package generate

import (
	"errors"
	"fmt"
)

// Request asks for the continuation of a prompt.
type Request struct {
	Prompt []int
	// Tokens is the maximum number of tokens to generate.
	Tokens int
	// Echo yields the tokens of the prompt first, with log-probabilities like those of generated
	// tokens. The prompt must fit in the context. Tokens may then be 0.
	Echo bool
	Options
	// Sample numbers the sequences that share a seed; each draws from a separate random stream.
	Sample int
	// Fits refuses the request if the prompt and Tokens more do not fit in the context. Without it,
	// the window of the sequence slides.
	Fits bool
}

// Errors that requests end with.
var (
	ErrQueueFull = errors.New("generate: the queue is full")
	ErrClosed    = errors.New("generate: the engine is closed")
	ErrTooLong   = errors.New("generate: longer than the context")

	errNoPrompt = errors.New("generate: the prompt has no tokens")
)

// validate returns an error if the request is not valid for a model of context positions.
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
		return fmt.Errorf("%w: %d prompt tokens and %d more, in a context of %d", ErrTooLong, len(r.Prompt), r.Tokens, context)
	}
	return nil
}
