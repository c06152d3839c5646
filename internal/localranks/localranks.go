// Package localranks has ranks within one process, each for a goroutine of its own, for tests of what goes on between
// processes: they are graph.Ranks and train.Peers.
package localranks

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
)

// Rank is one of several.
type Rank struct {
	*meeting
	rank int
}

// meeting is where the ranks come together, call after call.
type meeting struct {
	size    int
	mu      sync.Mutex
	changed sync.Cond
	round   int
	calls   []string
	given   []any // a slice of each rank that has come
	came    int
	gone    error // that a rank has left, or that they called different things
}

// New returns so many ranks, which add up in a fixed tree: ranks 0 and 1, 2 and 3, then these.
func New(size int) (all []*Rank) {
	m := &meeting{size: size}
	m.changed.L = &m.mu
	for rank := range size {
		all = append(all, &Rank{m, rank})
	}
	return all
}

// Rank is the number of the rank, from 0.
func (r *Rank) Rank() int { return r.rank }

// Size is how many there are.
func (r *Rank) Size() int { return r.size }

// Sum adds up the ranks' slices in place.
func (r *Rank) Sum(x ...[]float32) error {
	for _, part := range x {
		if err := r.meet(fmt.Sprint("Sum of ", len(part)), part, fold(func(to *float32, x float32) { *to += x })); err != nil {
			return err
		}
	}
	return nil
}

// Max has the largest of the ranks' numbers in the place of each.
func (r *Rank) Max(x []float32) error {
	return r.meet(fmt.Sprint("Max of ", len(x)), x, fold(func(to *float32, x float32) { *to = max(*to, x) }))
}

// SumScalars returns the sums of a few numbers.
func (r *Rank) SumScalars(x []float64) ([]float64, error) {
	x = slices.Clone(x)
	return x, r.meet(fmt.Sprint("SumScalars of ", len(x)), x, fold(func(to *float64, x float64) { *to += x }))
}

// Give gives the slice of a rank to all.
func (r *Rank) Give(x []float32, from int) error {
	return r.meet(fmt.Sprintf("Give of %d from %d", len(x), from), x, func(given []any) {
		for _, to := range given {
			copy(to.([]float32), given[from].([]float32))
		}
	})
}

// SumScatter leaves to each rank the sums of its part, and in the parts of others what is no number.
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

// Leave tells the others that this rank goes no further.
func (r *Rank) Leave(reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone == nil {
		r.gone = fmt.Errorf("rank %d has left: %w", r.rank, reason)
	}
	r.changed.Broadcast()
}

// fold puts what f makes of all slices into each of them.
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

// climb puts what f makes of all slices into the first, pair by pair, the left part a power of two.
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

// meet waits until all ranks have made the call, whose slices the last to come combines.
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
			r.gone = fmt.Errorf("rank %d calls %s, but rank %d %s", r.rank, call, other, r.calls[other])
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
	return nil // the round was complete, whoever has left since
}
