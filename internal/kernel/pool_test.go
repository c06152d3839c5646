package kernel

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestFor checks that the ranges cover all items once and are not smaller than grain.
func TestFor(t *testing.T) {
	for _, procs := range []int{1, 2, 4, 3, 8} {
		for _, n := range []int{-1, 0, 1, 2, 7, 100, 1000} {
			for _, grain := range []int{0, 1, 3, 99, 1000} {
				withProcs(procs, func() {
					count := make([]atomic.Int32, max(n, 0))
					For(n, grain, func(lo, hi int) {
						if hi-lo < min(n, grain) || hi <= lo {
							t.Errorf("procs %d, For(%d, %d): range [%d, %d)", procs, n, grain, lo, hi)
						}
						for i := lo; i < hi; i++ {
							count[i].Add(1)
						}
					})
					for i := range count {
						if c := count[i].Load(); c != 1 {
							t.Fatalf("procs %d, For(%d, %d): item %d was done %d times", procs, n, grain, i, c)
						}
					}
				})
			}
		}
	}
}

// TestForIsParallel needs two goroutines at once: each range waits for another.
func TestForIsParallel(t *testing.T) {
	withProcs(2, func() {
		for try := range 100 {
			var meeting sync.WaitGroup
			meeting.Add(2)
			met := make(chan struct{})
			go func() { meeting.Wait(); close(met) }()
			For(2, 1, func(lo, hi int) {
				meeting.Done()
				select {
				case <-met:
				case <-time.After(10 * time.Second):
					t.Errorf("try %d: one goroutine has both items", try)
				}
			})
			if try%10 == 9 {
				time.Sleep(2 * time.Millisecond) // the workers fall asleep
			}
		}
	})
}

// TestForLate: For does not wait for a worker that does not come, and that worker stays idle for the next task.
func TestForLate(t *testing.T) {
	withProcs(2, func() {
		var p pool
		late := &worker{wake: make(chan struct{}, 1)} // which runs nowhere
		p.idle = append(p.idle, late)
		p.workers.Store(1)
		p.waiting.Store(1)
		for range 3 {
			count := 0
			shared := p.share(10, 1, func(lo, hi int) { count += hi - lo })
			if shared == nil || late.task.Load() != shared {
				t.Fatal("the worker was not asked")
			}
			shared.work(0)
			p.finish(shared)
			if count != 10 || late.task.Load() != nil || len(p.idle) != 1 || p.waiting.Load() != 1 {
				t.Errorf("%d items done, %d workers idle", count, len(p.idle))
			}
		}
	})
}

func TestForNested(t *testing.T) {
	withProcs(4, func() {
		var total atomic.Int64
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 50 {
					For(20, 1, func(lo, hi int) {
						For((hi-lo)*10, 1, func(lo, hi int) {
							For(hi-lo, 1, func(lo, hi int) { total.Add(int64(hi - lo)) })
						})
					})
				}
			})
		}
		group.Wait()
		if got, want := total.Load(), int64(4*50*200); got != want {
			t.Errorf("%d items done, want %d", got, want)
		}
	})
}

// TestForPanics checks that a panic in a range reaches the caller, and that the pool works afterwards.
func TestForPanics(t *testing.T) {
	withProcs(4, func() {
		for bad := range 20 {
			func() {
				defer func() {
					if v := recover(); v != fmt.Sprint("item ", bad) {
						t.Errorf("recovered %v", v)
					}
				}()
				For(20, 1, func(lo, hi int) {
					if lo <= bad && bad < hi {
						panic(fmt.Sprint("item ", bad))
					}
				})
			}()
		}
		var total atomic.Int64
		For(1000, 1, func(lo, hi int) { total.Add(int64(hi - lo)) })
		if total.Load() != 1000 {
			t.Errorf("%d items done afterwards, want 1000", total.Load())
		}
	})
}

// wantNoAllocations runs f until it has its buffers and then counts allocations. It does not use
// testing.AllocsPerRun, which would set GOMAXPROCS to 1. The runtime itself occasionally allocates, for channels.
func wantNoAllocations(t *testing.T, name string, f func()) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const runs = 100
	var before, after runtime.MemStats
	for range runs {
		f()
	}
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > runs/2 {
		t.Errorf("%s allocates: %d times in %d runs", name, n, runs)
	}
}

func TestForAllocates(t *testing.T) {
	withProcs(2, func() {
		f := func(lo, hi int) {}
		wantNoAllocations(t, "For", func() { For(1000, 1, f) })
	})
}

// TestForGrows counts the workers that are created as GOMAXPROCS changes.
func TestForGrows(t *testing.T) {
	for _, procs := range []int{2, 4, 2, 6} {
		withProcs(procs, func() {
			before := runtime.NumGoroutine()
			For(100, 1, func(lo, hi int) {})
			if made := runtime.NumGoroutine() - before; made > procs-1 {
				t.Errorf("GOMAXPROCS %d: %d goroutines made", procs, made)
			}
		})
	}
}

func BenchmarkFor(b *testing.B) {
	for _, procs := range []int{1, 2} {
		b.Run(fmt.Sprintf("procs=%d", procs), func(b *testing.B) {
			withProcs(procs, func() {
				b.ReportAllocs()
				f := func(lo, hi int) {}
				for b.Loop() {
					For(64, 1, f)
				}
			})
		})
	}
}
