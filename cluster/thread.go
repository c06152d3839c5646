package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// request is a collective for the thread to make.
type request struct {
	call, size int
	group      *Group // whose ranks make it; nil means all ranks
	reason     string // for leaving
	run        func(backend) error
	done       chan error
}

// brokenError is an error after which the library's state is unknown, and it is not called again.
type brokenError struct{ error }

func (b *brokenError) Unwrap() error { return b.error }

// do makes a collective.
func (w *World) do(call, size int, run func(backend) error) error {
	if w.gone != nil {
		return w.gone
	}
	return w.submit(&request{call: call, size: size, run: run})
}

// submit waits for the result of a request. After an error there are no more calls.
func (w *World) submit(r *request) error {
	if w.queue == nil { // alone
		return nil
	}
	r.done = make(chan error, 1)
	w.queue <- r
	w.gone = <-r.done
	return w.gone
}

// serve runs on the one thread that calls the library, from the first call to the last.
func (w *World) serve(connect func() (backend, error), opened chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(w.ended)
	done := w.clock.enter("MPI_Init_thread")
	b, err := connect()
	done()
	if err != nil {
		opened <- err
		return
	}
	w.rank, w.size, w.about = b.rank(), b.size(), b.about()
	w.sums = newSums(b)
	w.clock.is(fmt.Sprintf("rank %d of %d", w.rank, w.size))
	opened <- nil
	for r := range w.queue {
		done := w.clock.enter(callName(int64(r.call), int64(r.size)))
		err = w.make(b, r)
		done()
		r.done <- err
	}
	if broken := new(brokenError); !errors.As(err, &broken) {
		w.part(b)
	}
}

// part waits for all ranks, so that their messages have been read before the exit status of one of
// them ends the others, and then finalizes the library.
func (w *World) part(b backend) {
	defer w.clock.enter("MPI_Finalize")()
	_, err := agree(b, newHeader(w.rank, closeCall, 0))
	if err == nil {
		err = b.finalize()
	}
	if err != nil {
		w.gone = &brokenError{err}
	}
}

// make makes a collective, if all ranks call the same one.
func (w *World) make(b backend, r *request) error {
	began := time.Now()
	if r.group != nil {
		b = r.group.of(b)
	}
	all, err := agree(b, newHeader(b.rank(), r.call, r.size))
	came := time.Now()
	defer func() { w.times[0], w.times[1] = w.times[0]+came.Sub(began), w.times[1]+time.Since(came) }()
	if err != nil {
		return &brokenError{err}
	}
	first := int(all[ofRank])
	if g := r.group; g != nil { // in the numbers of the world
		all[ofRank] = int64(g.members[first])
		if all[ofOther] != 0 {
			all[ofOther] = int64(g.members[all[ofOther]-1]) + 1
		}
	}
	if err := all.differ(); err != nil {
		return err
	}
	if all[ofCall] == leaveCall {
		reason := make([]byte, max(0, min(all[ofSize], mostReason)))
		copy(reason, r.reason)
		if err := b.give(reason, first); err != nil {
			return &brokenError{err}
		}
		return fmt.Errorf("rank %d has stopped: %s", all[ofRank], reason)
	}
	if err := r.run(b); err != nil {
		return &brokenError{err}
	}
	return nil
}

// clock watches how long calls take, and calls stall if that exceeds patience.
type clock struct {
	patience time.Duration
	stall    func(report string)

	mu            sync.Mutex
	who, place    string
	calls         int
	entered, left string
}

// is sets what this process is called in reports.
func (c *clock) is(who string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who = who
}

// at sets where this process is, for reports.
func (c *clock) at(place string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.place = place
}

// enter records the start of a call. The function it returns must be called at the end.
func (c *clock) enter(call string) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.entered = fmt.Sprintf("%s (its call %d)", call, c.calls)
	t := time.AfterFunc(c.patience, func() { c.stall(c.report()) })
	return func() {
		t.Stop()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.left = c.entered
	}
}

// report describes a call that takes too long.
func (c *clock) report() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	parts := []string{fmt.Sprintf("gorgpt: %s on %s has waited for the others for %v", cmp.Or(c.who, "a rank"), host, c.patience)}
	if c.place != "" {
		parts = append(parts, "at "+c.place)
	}
	parts = append(parts, "in "+c.entered)
	if c.left != "" {
		parts = append(parts, "after "+c.left)
	}
	return strings.Join(parts, ", ") + ": a rank hangs, or the network is down; look for a rank that waits elsewhere or reports nothing"
}
