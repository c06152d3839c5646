package datasets

import (
	"context"
	"slices"
)

// Prefetch returns the stream s with up to depth batches (at least 1) read
// ahead by a goroutine, which starts at the first Next and ends at Close, an
// error or the end of the stream. State is the position after the batches
// handed out, not those read ahead. The caller must not use s; Close closes it.
func Prefetch(s Stream, depth int) Stream {
	return &prefetch{stream: s, depth: max(1, depth)}
}

type prefetch struct {
	stream Stream
	depth  int
	closed bool

	// While the goroutine runs:
	cancel context.CancelFunc // nil if none runs
	done   chan struct{}      // closed when it has ended
	ready  chan *ahead        // batches it has read
	free   chan *ahead        // batches it may fill
	out    *ahead             // the batch that the caller has
	state  []byte             // after the batches handed out
	err    error              // why the stream ended
}

// ahead is a batch read ahead, with the state after it.
type ahead struct {
	batch Batch
	state []byte
	err   error
}

// Next implements Stream.
func (p *prefetch) Next(ctx context.Context) (Batch, error) {
	switch {
	case p.closed:
		return Batch{}, errClosed
	case p.err != nil:
		return Batch{}, p.err
	case ctx.Err() != nil:
		return Batch{}, ctx.Err()
	}
	if p.cancel == nil {
		if err := p.start(); err != nil {
			return Batch{}, err
		}
	}
	if p.out != nil {
		p.free <- p.out // never blocks: there is room for all of them
		p.out = nil
	}
	select {
	case <-ctx.Done():
		return Batch{}, ctx.Err()
	case a := <-p.ready:
		if a.err != nil {
			p.err = a.err
			return Batch{}, p.err
		}
		p.out, p.state = a, a.state
		return a.batch, nil
	}
}

// start starts the goroutine at the stream's current position.
func (p *prefetch) start() error {
	state, err := p.stream.State()
	if err != nil {
		return err
	}
	p.state = state
	n := p.depth + 1 // one is with the caller
	p.ready, p.free, p.done = make(chan *ahead, n), make(chan *ahead, n), make(chan struct{})
	for range n {
		p.free <- new(ahead)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go fetch(ctx, p.stream, p.free, p.ready, p.done)
	return nil
}

// fetch fills free batches until ctx is done or the stream ends.
func fetch(ctx context.Context, s Stream, free <-chan *ahead, ready chan<- *ahead, done chan<- struct{}) {
	defer close(done)
	for {
		var a *ahead
		select {
		case <-ctx.Done():
			return
		case a = <-free:
		}
		batch, err := s.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			a.batch.Size, a.batch.Context = batch.Size, batch.Context
			a.batch.Tokens = append(a.batch.Tokens[:0], batch.Tokens...)
			a.batch.Targets = append(a.batch.Targets[:0], batch.Targets...)
			a.state, err = s.State()
		}
		a.err = err
		ready <- a // never blocks: there is room for all of them
		if err != nil {
			return
		}
	}
}

// stop ends the goroutine and waits for it.
func (p *prefetch) stop() {
	if p.cancel != nil {
		p.cancel()
		<-p.done
		p.cancel, p.out = nil, nil
	}
}

// State implements Stream.
func (p *prefetch) State() ([]byte, error) {
	if p.cancel == nil {
		return p.stream.State()
	}
	return slices.Clone(p.state), nil
}

// Restore implements Stream.
func (p *prefetch) Restore(state []byte) error {
	if p.closed {
		return errClosed
	}
	before, err := p.State()
	if err != nil {
		return err
	}
	p.stop()
	if err := p.stream.Restore(state); err != nil {
		if back := p.stream.Restore(before); back != nil {
			p.err = back
			return err
		}
		return err
	}
	p.err = nil
	return nil
}

// Close implements Stream.
func (p *prefetch) Close() error {
	if p.closed {
		return nil
	}
	p.stop()
	p.closed = true
	return p.stream.Close()
}
