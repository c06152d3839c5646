// Package localranks provides ranks within one process, each for its own goroutine, for tests of the
// communication between processes. They implement graph.Ranks and train.Peers.
package localranks

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
)

// Rank is one of several ranks.
type Rank struct {
	*meeting
	rank int
}

// meeting is where the ranks meet, call after call.
type meeting struct {
	size    int
	mu      sync.Mutex
	changed sync.Cond
	round   int
	calls   []string
	given   []any // a slice from each rank that has made the call
	came    int
	gone    error // why the meeting has failed: a rank has left, or the ranks made different calls
}

// New returns the given number of ranks. They sum in a fixed tree: ranks 0 and 1, ranks 2 and 3, then these sums.
func New(size int) (all []*Rank) {
	m := &meeting{size: size}
	m.changed.L = &m.mu
	for rank := range size {
		all = append(all, &Rank{m, rank})
	}
	return all
}

// Rank returns the number of the rank, from 0.
func (r *Rank) Rank() int { return r.rank }

// Size returns the number of ranks.
func (r *Rank) Size() int { return r.size }

// Sum replaces the slices of all ranks with their sum.
func (r *Rank) Sum(x ...[]float32) error {
	for _, part := range x {
		if err := r.meet(fmt.Sprint("Sum of ", len(part)), part, fold(func(to *float32, x float32) { *to += x })); err != nil {
			return err
		}
	}
	return nil
}

// Max replaces each element with the largest one of all ranks.
func (r *Rank) Max(x []float32) error {
	return r.meet(fmt.Sprint("Max of ", len(x)), x, fold(func(to *float32, x float32) { *to = max(*to, x) }))
}

// SumScalars returns the sums of a few numbers.
func (r *Rank) SumScalars(x []float64) ([]float64, error) {
	x = slices.Clone(x)
	return x, r.meet(fmt.Sprint("SumScalars of ", len(x)), x, fold(func(to *float64, x float64) { *to += x }))
}

// Give copies the slice of rank from to all ranks.
func (r *Rank) Give(x []float32, from int) error {
	return r.meet(fmt.Sprintf("Give of %d from %d", len(x), from), x, func(given []any) {
		for _, to := range given {
			copy(to.([]float32), given[from].([]float32))
		}
	})
}

// SumScatter gives each rank the sums of its own part, and fills its other parts with NaN.
func (r *Rank) SumScatter(parts [][][]float32) error {
	for owner, part := range parts {
		if err := r.Sum(part...); err != nil {
			return err
		}
		for _, x := range part {
			for i := range x {
				if owner != r.rank {
					x[i] = float32(math.NaN())
				}
			}
		}
	}
	return nil
}

// Gather gives each rank's part to all.
func (r *Rank) Gather(parts [][][]float32) error {
	for owner, part := range parts {
		for _, x := range part {
			if err := r.Give(x, owner); err != nil {
				return err
			}
		}
	}
	return nil
}

// Leave tells the other ranks that this rank will not make further calls.
func (r *Rank) Leave(reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone == nil {
		r.gone = fmt.Errorf("rank %d has stopped: %w", r.rank, reason)
	}
	r.changed.Broadcast()
}

// fold returns a function that combines all slices with f and copies the result into each of them.
func fold[E float32 | float64](f func(to *E, x E)) func(given []any) {
	return func(given []any) {
		var all [][]E
		for _, x := range given {
			all = append(all, x.([]E))
		}
		climb(all, f)
		for _, x := range all {
			copy(x, all[0])
		}
	}
}

// climb combines all slices with f into the first one, pair by pair. The size of a left part is a power of two.
func climb[E float32 | float64](x [][]E, f func(to *E, x E)) {
	if len(x) < 2 {
		return
	}
	half := 1 << (bits.Len(uint(len(x)-1)) - 1)
	climb(x[:half], f)
	climb(x[half:], f)
	for i, v := range x[half] {
		f(&x[0][i], v)
	}
}

// meet waits until all ranks have made the call. The last one to arrive combines their slices.
func (r *Rank) meet(call string, x any, combine func(given []any)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone != nil {
		return r.gone
	}
	if r.given == nil {
		r.given, r.calls = make([]any, r.size), make([]string, r.size)
	}
	r.given[r.rank], r.calls[r.rank] = x, call
	if r.came++; r.came == r.size {
		if other := slices.IndexFunc(r.calls, func(c string) bool { return c != call }); other >= 0 {
			r.gone = fmt.Errorf("rank %d calls %s, but rank %d calls %s", r.rank, call, other, r.calls[other])
		} else {
			combine(r.given)
			r.came, r.given = 0, nil
			r.round++
		}
		r.changed.Broadcast()
		return r.gone
	}
	for round := r.round; r.meeting.round == round; {
		if r.gone != nil {
			return r.gone
		}
		r.changed.Wait()
	}
	return nil // the round was completed, even if a rank has left since
}
