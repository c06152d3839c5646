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

// request is a collective that the thread is to make.
type request struct {
	call, size int
	group      *Group // of whose ranks it is; nil of all
	reason     string // of one that leaves
	run        func(backend) error
	done       chan error
}

// brokenError is that of a library whose state is unknown: nothing is called any more.
type brokenError struct{ error }

func (b *brokenError) Unwrap() error { return b.error }

// do has a collective made.
func (w *World) do(call, size int, run func(backend) error) error {
	if w.gone != nil {
		return w.gone
	}
	return w.submit(&request{call: call, size: size, run: run})
}

// submit waits for what comes of a request. An error is the last thing that does.
func (w *World) submit(r *request) error {
	if w.queue == nil { // alone
		return nil
	}
	r.done = make(chan error, 1)
	w.queue <- r
	w.gone = <-r.done
	return w.gone
}

// serve is the one thread that calls the library, from the first call to the last.
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

// part waits for all, so that what each has said is read before a status of one ends the others, and ends the library.
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

// make makes a collective, if it is the one of all ranks.
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
	if g := r.group; g != nil { // told by the numbers of all
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
		return fmt.Errorf("rank %d has left: %s", all[ofRank], reason)
	}
	if err := r.run(b); err != nil {
		return &brokenError{err}
	}
	return nil
}

// clock watches how long calls take.
type clock struct {
	patience time.Duration
	stall    func(report string)

	mu            sync.Mutex
	who, place    string
	calls         int
	entered, left string
}

// is notes who waits.
func (c *clock) is(who string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who = who
}

// at notes where the process is.
func (c *clock) at(place string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.place = place
}

// enter notes a call; the function that it returns is to be called after it.
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

// report tells of a call that takes too long.
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
	return strings.Join(parts, ", ") + ": a rank hangs, or the network is gone; see which rank waits elsewhere, or says nothing"
}
