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

// EngineConfig says how much an [Engine] takes at once.
type EngineConfig struct {
	// Context is the most positions that the model sees.
	Context int
	// Slots is how many sequences run at once. Each has Context positions in the cache.
	Slots int
	// Queue is how many requests may wait for a slot; 0 is no bound. They get slots in the order
	// in which they came.
	Queue int
	// Piece is how many tokens of prompts run between two tokens of the other sequences, rounded
	// up to a power of two and from 64 on to a multiple of 64; 0 runs prompts whole. Longer
	// prompts are cut at its multiples, whatever else there is to do.
	Piece int
	// Seamless gives each position the same bits wherever prompts are cut, whatever Piece is: see
	// graph.Seamless. Prompts may take longer.
	Seamless bool
	// Prefixes is how many bytes may be spent on what layers remember of sequences that have run, so
	// that another that begins like one of them runs only what is new. It needs Seamless, so that
	// nothing differs by it.
	Prefixes int64
	// Vocab, if above 0, is how many ids there are tokens of. A model's vocabulary may be padded
	// beyond them, as GPT-2's 50,257 to 50,304; what is there is never chosen.
	Vocab int
	// Vacant are ids below Vocab that no token has, as tokenizer.Vacant lists them: they are
	// never chosen either.
	Vacant []int
}

// Validate tells what is out of range.
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
		return errors.New("generate: prefixes that are kept need Seamless: else a token's bits would depend on them")
	case c.Vocab < 0:
		return fmt.Errorf("generate: a vocabulary of %d; want 0 or more", c.Vocab)
	case slices.ContainsFunc(c.Vacant, func(id int) bool { return id < 0 }):
		return fmt.Errorf("generate: vacant ids %d; want 0 or more", c.Vacant)
	}
	return nil
}

// Engine goes on with many sequences at once, which come and go between tokens. Its methods may
// be called from many goroutines.
//
// What a sequence generates is the same to the bit whatever else runs: a run has one row for each
// sequence that wants a token, and a row's bits do not depend on the others.
type Engine struct {
	config EngineConfig
	runner *runner

	// Of the goroutine that takes turns.
	slots      slots
	prefixes   *prefixes // nil where none are kept
	sampler    sampler
	candidates []float32

	mu      sync.Mutex
	queue   []*job // without slots yet, the first to come first
	running int    // slots in use
	driven  bool   // a goroutine takes turns
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

// Whole tells why the model is run over the whole window for every token, each sequence by
// itself, if it is: which layer or op cannot go on from what is remembered.
func (e *Engine) Whole() error { return e.runner.whole }

// CacheBytes is what layers remember for all slots: for GPT-1 and GPT-2 the keys and values,
// 8·layers·context·width bytes each; 0 for a model that is run over the whole window.
func (e *Engine) CacheBytes() int64 { return e.runner.cache.Bytes() }

// Prefixes is what the cache of prefixes has done: see EngineConfig.Prefixes.
func (e *Engine) Prefixes() PrefixUsage { return e.prefixes.usage() }

// Status is the number of slots in use and of requests that wait for one.
func (e *Engine) Status() (running, waiting int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running, len(e.queue)
}

// Submit puts a request in the queue. It is refused if it cannot be, or if the queue is full
// (ErrQueueFull); what goes wrong later ends its sequence, as ctx does.
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

// Beam is [Generator.Beam] beside other sequences. It takes a slot for each beam.
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

// submit puts a job in the queue and has a goroutine take turns, if none does.
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

// waiting is how many would wait with one more in the queue, when those before have got the slots that
// are free.
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

// drive takes turns as long as there is something to do.
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

// Close ends all sequences with ErrClosed, and the engine's programs.
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
