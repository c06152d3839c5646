package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/gorgpt/gorgpt/graph"
)

// EngineConfig configures an [Engine].
type EngineConfig struct {
	// Context is the maximum number of positions that the model sees.
	Context int
	// Slots is how many sequences run at once. Each has Context positions in the cache.
	Slots int
	// Queue is how many requests may wait for a slot; 0 is no limit. They get slots in the order
	// of their arrival.
	Queue int
	// Piece is how many prompt tokens run between two tokens of the sequences that decode, rounded
	// up to a power of two and from 64 on to a multiple of 64; 0 runs prompts whole. Longer
	// prompts are cut at its multiples, even if nothing else runs.
	Piece int
	// Seamless gives each position the same bits wherever prompts are cut, whatever Piece is: see
	// graph.Seamless. Prompts may take longer.
	Seamless bool
	// Prefixes is how many bytes may be used to keep the cached state of sequences that have run, so
	// that another sequence with the same beginning runs only what is new. It requires Seamless, so
	// that reuse does not change results.
	Prefixes int64
	// Vocab, if above 0, is the number of ids that are tokens. A model's vocabulary may be padded
	// beyond it, as GPT-2's from 50,257 to 50,304; ids of the padding are never chosen.
	Vocab int
	// Vacant are ids below Vocab that have no token, as listed by tokenizer.Vacant. They are
	// never chosen either.
	Vacant []int
}

// Validate returns an error if a value is out of range.
func (c EngineConfig) Validate() error {
	switch {
	case c.Context < 1:
		return fmt.Errorf("generate: a context of %d; want 1 or more", c.Context)
	case c.Slots < 1:
		return fmt.Errorf("generate: %d slots; want 1 or more", c.Slots)
	case c.Queue < 0:
		return fmt.Errorf("generate: a queue of %d; want 0 or more", c.Queue)
	case c.Piece < 0:
		return fmt.Errorf("generate: pieces of %d tokens; want 0 or more", c.Piece)
	case c.Prefixes < 0:
		return fmt.Errorf("generate: %d bytes for prefixes; want 0 or more", c.Prefixes)
	case c.Prefixes > 0 && !c.Seamless:
		return errors.New("generate: keeping prefixes needs Seamless: otherwise a token's bits would depend on what is kept")
	case c.Vocab < 0:
		return fmt.Errorf("generate: a vocabulary of %d; want 0 or more", c.Vocab)
	case slices.ContainsFunc(c.Vacant, func(id int) bool { return id < 0 }):
		return fmt.Errorf("generate: vacant ids %d; want 0 or more", c.Vacant)
	}
	return nil
}

// Engine generates many sequences at once, which may start and end between any two tokens. Its methods
// may be called from several goroutines.
//
// What a sequence generates is the same, bit for bit, whatever else runs: a run has one row for each
// sequence that needs a token, and the bits of a row do not depend on the others.
type Engine struct {
	config EngineConfig
	runner *runner

	// Used only by the goroutine that takes turns.
	slots      slots
	prefixes   *prefixes // nil if none are kept
	sampler    sampler
	candidates []float32

	mu      sync.Mutex
	queue   []*job // jobs without slots yet, in the order of arrival
	running int    // slots in use
	driven  bool   // a goroutine is taking turns
	closed  bool
	drivers sync.WaitGroup
}

// NewEngine returns an engine for a model with these weights.
func NewEngine(m Model, params *graph.Params, c EngineConfig) (*Engine, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r, err := newRunner(m, params, c)
	if err != nil {
		return nil, err
	}
	c.Piece = r.length(c.Piece, 0)
	if c.Piece == 0 || r.whole != nil {
		c.Piece = math.MaxInt
	}
	return &Engine{config: c, runner: r, prefixes: newPrefixes(r, c.Prefixes)}, nil
}

// Whole tells why the model is run over the whole window for every token, each sequence
// separately: which layer or op cannot be run incrementally. It is nil if all can.
func (e *Engine) Whole() error { return e.runner.whole }

// CacheBytes returns the size of the cache for all slots: for GPT-1 and GPT-2 these are keys and
// values, 8·layers·context·width bytes a slot. It is 0 for a model that is run over the whole window.
func (e *Engine) CacheBytes() int64 { return e.runner.cache.Bytes() }

// Prefixes returns how the cache of prefixes has been used: see EngineConfig.Prefixes.
func (e *Engine) Prefixes() PrefixUsage { return e.prefixes.usage() }

// Status returns the number of slots in use and of requests that wait for a slot.
func (e *Engine) Status() (running, waiting int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running, len(e.queue)
}

// Submit puts a request in the queue. It returns an error if the request is not valid, the queue is
// full (ErrQueueFull) or the engine is closed (ErrClosed). Later errors end the sequence, as does the
// end of ctx.
func (e *Engine) Submit(ctx context.Context, r Request) (*Sequence, error) {
	q, err := e.sequence(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := e.submit(q.job); err != nil {
		return nil, err
	}
	return q, nil
}

// Beam is like [Generator.Beam], while other sequences run. It takes a slot for each beam.
func (e *Engine) Beam(ctx context.Context, prompt []int, n int, o BeamOptions) ([]Hypothesis, error) {
	b, err := e.search(ctx, prompt, n, o)
	if err != nil {
		return nil, err
	}
	if err := e.submit(b.job); err != nil {
		return nil, err
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		b.left()
	}
	if b.err != nil {
		return nil, b.err
	}
	return b.found, nil
}

// submit puts a job in the queue, and starts a goroutine that takes turns if none does.
func (e *Engine) submit(j *job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return ErrClosed
	case e.config.Queue > 0 && e.waiting(j) > e.config.Queue:
		return ErrQueueFull
	}
	e.queue = append(e.queue, j)
	if !e.driven {
		e.driven = true
		e.drivers.Add(1)
		go e.drive()
	}
	return nil
}

// waiting returns how many jobs would wait if j joined the queue, after the free slots have been given
// to the first.
func (e *Engine) waiting(j *job) int {
	free := e.config.Slots - e.running
	for i, q := range e.queue {
		if free -= len(q.slots); free < 0 {
			return len(e.queue) - i + 1
		}
	}
	if len(j.slots) > free {
		return 1
	}
	return 0
}

// drive takes turns until nothing runs or waits, or the engine is closed.
func (e *Engine) drive() {
	defer e.drivers.Done()
	for {
		e.turn()
		e.mu.Lock()
		if e.closed || e.running+len(e.queue) == 0 {
			e.driven = false
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
	}
}

// Close ends all sequences with ErrClosed and closes the engine's programs.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	e.drivers.Wait()
	for _, s := range e.slots {
		s.job.end(ErrClosed)
	}
	for _, j := range e.queue {
		j.end(ErrClosed)
	}
	return e.runner.pieces.Close()
}
