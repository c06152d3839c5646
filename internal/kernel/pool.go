package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// For calls f(lo, hi) on disjoint ranges that cover [0, n), several at a time.
// Each range holds at least grain items, or all n if there are fewer. Where the
// cuts fall depends on timing and on GOMAXPROCS, so f must make results that do not
// depend on them: split rows and columns, never a sum.
//
// For runs f in the calling goroutine and in those workers of the pool that are idle. A call
// from inside f is allowed: it finds the workers busy and runs inline.
func For(n, grain int, f func(lo, hi int)) {
	if n <= 0 {
		return
	}
	grain = max(grain, 1)
	workers := min(runtime.GOMAXPROCS(0), n/grain)
	if workers < 2 || !busy.CompareAndSwap(false, true) {
		f(0, n)
		return
	}
	defer busy.Store(false)
	var group sync.WaitGroup
	for w := 1; w < workers; w++ {
		group.Go(func() { f(n*w/workers, n*(w+1)/workers) })
	}
	f(0, n/workers)
	group.Wait()
}

// busy tells whether a call of For has the workers.
var busy atomic.Bool
