package kernel

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorgpt/gorgpt/internal/mapped"
)

// For calls f(lo, hi) on disjoint ranges that cover [0, n), several at a time. Each range holds at least grain
// items, or all n if there are fewer. The cuts depend on timing and on GOMAXPROCS, so the results of f must not
// depend on them: split rows and columns, never a sum.
//
// The calling goroutine works, together with those of the pool's GOMAXPROCS-1 workers that are idle. f may call
// For; the inner call runs inline if all workers are busy, and cannot deadlock. A panic in f reaches the caller
// of For after all ranges that were begun are done.
func For(n, grain int, f func(lo, hi int)) {
	if n <= 0 {
		return
	}
	if n > math.MaxInt32 { // does not fit into a span
		half := n / 2
		For(half, grain, f)
		For(n-half, grain, func(lo, hi int) { f(half+lo, half+hi) })
		return
	}
	grain = max(grain, 1)
	if n < 2*grain || runtime.GOMAXPROCS(0) == 1 {
		f(0, n)
		return
	}
	t := workers.share(n, grain, f)
	if t == nil {
		f(0, n)
		return
	}
	t.work(0)
	workers.finish(t)
}

// task is one call of For, shared with some workers. Each goroutine begins with an equal share of the items, the
// same in every call, so that its cache may still hold them, and helps the others when it is done.
type task struct {
	f     func(lo, hi int)
	grain int
	spans []span    // what is left of each goroutine's share
	given []*worker // the workers that may help

	// left counts the workers that are not done yet. callerSleeps is added when the caller waits on done instead
	// of polling left.
	left     atomic.Int64
	done     chan struct{}
	panicked atomic.Pointer[any]
}

const callerSleeps = 1 << 32

// span is a range of items that no goroutine has begun: its start is in the upper half, its end in the lower
// half.
type span struct{ atomic.Uint64 }

func (s *span) set(lo, hi int) { s.Store(uint64(lo)<<32 | uint64(hi)) }

// take removes about 1/part of the span from its front or from its back. It leaves at least grain items or none.
func (s *span) take(part, grain int, back bool) (lo, hi int) {
	for {
		v := s.Load()
		lo, hi = int(v>>32), int(v&math.MaxUint32)
		if lo == hi {
			return lo, hi
		}
		size := max((hi-lo)/part, grain)
		if hi-lo-size < grain {
			size = hi - lo
		}
		rest := uint64(lo+size)<<32 | uint64(hi)
		if back {
			rest = uint64(lo)<<32 | uint64(hi-size)
		}
		if s.CompareAndSwap(v, rest) {
			if back {
				return hi - size, hi
			}
			return lo, lo + size
		}
	}
}

// work calls f for the goroutine's own share and then for what others have left.
func (t *task) work(self int) {
	defer t.catch()
	own := &t.spans[self]
	for {
		for {
			// Take a part at a time: a faster neighbor may steal the rest.
			lo, hi := own.take(4, t.grain, false)
			if lo == hi {
				break
			}
			t.f(lo, hi)
		}
		if !t.steal(self) {
			return
		}
	}
}

// steal moves half of what another goroutine has left to this goroutine's span.
func (t *task) steal(self int) bool {
	for i := range t.spans {
		victim := (self + 1 + i) % len(t.spans)
		if lo, hi := t.spans[victim].take(2, t.grain, true); lo < hi {
			t.spans[self].set(lo, hi)
			return true
		}
	}
	return false
}

// catch keeps a panic of f for the caller and stops the distribution of ranges.
func (t *task) catch() {
	if v := recover(); v != nil {
		thrown := v // this copy escapes to the heap, so that v need not
		t.panicked.CompareAndSwap(nil, &thrown)
		for i := range t.spans {
			t.spans[i].set(0, 0)
		}
	}
}

// leave tells the caller that a worker is done. The worker must not touch the task afterwards.
func (t *task) leave() {
	if t.left.Add(-1) == callerSleeps {
		t.done <- struct{}{}
	}
}

// pool is a set of goroutines that wait for tasks.
type pool struct {
	mu    sync.Mutex
	idle  []*worker // workers without a task; the last one is used next
	tasks []*task   // for reuse

	// Both change only under mu.
	workers, waiting atomic.Int64 // number of workers; number of idle ones
}

var workers pool

// share gives a task to the idle workers that can help with it. It returns nil if there are none.
func (p *pool) share(n, grain int, f func(lo, hi int)) *task {
	limit := runtime.GOMAXPROCS(0) - 1
	if p.waiting.Load() == 0 && p.workers.Load() >= int64(limit) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.workers.Load() < int64(limit) {
		w := &worker{wake: make(chan struct{}, 1)}
		p.idle = append(p.idle, w)
		p.workers.Add(1)
		go w.run(p)
	}
	busy := int(p.workers.Load()) - len(p.idle)
	helpers := min(len(p.idle), limit-busy, n/grain-1)
	if helpers <= 0 {
		return nil
	}
	t := p.take()
	t.f, t.grain = f, grain
	t.spans = slices.Grow(t.spans[:0], helpers+1)[:helpers+1]
	for i := range t.spans {
		t.spans[i].set(n*i/(helpers+1), n*(i+1)/(helpers+1))
	}
	t.left.Store(int64(helpers))
	rest := len(p.idle) - helpers
	t.given = append(t.given[:0], p.idle[rest:]...)
	for i, w := range p.idle[rest:] {
		w.give(t, i+1)
	}
	p.idle = p.idle[:rest]
	p.waiting.Store(int64(rest))
	return t
}

// take returns a task that is not in use. The caller must hold the lock.
func (p *pool) take() *task {
	last := len(p.tasks) - 1
	if last < 0 {
		return &task{done: make(chan struct{})}
	}
	t := p.tasks[last]
	p.tasks = p.tasks[:last]
	return t
}

// finish waits for the workers that have begun the task, retires it, and rethrows a panic. Workers that have not
// begun, because they are still waking up or the machine is busy otherwise, have their task taken back: to wait
// for them would take longer than their share of the work.
func (p *pool) finish(t *task) {
	late := int64(0)
	for _, w := range t.given {
		if w.task.CompareAndSwap(t, nil) {
			p.rest(w)
			late++
		}
	}
	if t.left.Add(-late) != 0 && !spin(func() bool { return t.left.Load() == 0 }) && t.left.Add(callerSleeps) != callerSleeps {
		<-t.done
	}
	v := t.panicked.Load()
	t.f = nil
	t.panicked.Store(nil)
	p.mu.Lock()
	p.tasks = append(p.tasks, t)
	p.mu.Unlock()
	if v != nil {
		panic(*v)
	}
}

// rest makes a worker idle.
func (p *pool) rest(w *worker) {
	p.mu.Lock()
	p.idle = append(p.idle, w)
	p.waiting.Store(int64(len(p.idle)))
	p.mu.Unlock()
}

// worker is one goroutine of a pool. It looks for a task for a while, since the next one usually comes soon, and
// then sleeps.
type worker struct {
	task   atomic.Pointer[task]
	span   int // the worker's share of the task
	asleep atomic.Bool
	wake   chan struct{}
}

// give hands an idle worker its next task.
func (w *worker) give(t *task, span int) {
	w.span = span
	w.task.Store(t)
	if w.asleep.CompareAndSwap(true, false) {
		w.wake <- struct{}{}
	}
}

// wait returns the next task. A task may be taken back before the worker gets to it.
func (w *worker) wait() *task {
	for {
		if !spin(func() bool { return w.task.Load() != nil }) {
			w.asleep.Store(true)
			if w.task.Load() == nil || !w.asleep.CompareAndSwap(true, false) {
				<-w.wake
			}
		}
		if t := w.task.Swap(nil); t != nil {
			return t
		}
	}
}

func (w *worker) run(p *pool) {
	mapped.Panic() // catch passes it to the caller, like any other panic
	for {
		t := w.wait()
		t.work(w.span)
		p.rest(w) // before leave, so that the caller's next call finds the worker idle
		t.leave()
	}
}

// patience is how long a goroutine polls before it sleeps. Waking up takes about 0.1 ms, in which the others do
// its work, so that it would wait in vain and fall asleep again.
const patience = time.Millisecond

// spin calls done until it returns true, for a limited time, and reports whether it did. It seldom yields to
// other goroutines, such as the garbage collector's, since the scheduler may run this one only after them.
func spin(done func() bool) bool {
	var start time.Time
	for count := 1; !done(); count++ {
		switch {
		case count%64 != 0:
			pause()
		case start.IsZero():
			start = time.Now()
		case time.Since(start) > patience:
			return false
		case count%4096 == 0:
			runtime.Gosched()
		}
	}
	return true
}
