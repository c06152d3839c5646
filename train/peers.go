package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Peers are the processes that fit one model together, each to its share of the data, seen from
// one of them. All call the same methods in the same order; a call returns when every rank has
// made it, with the same bits on each.
//
// A run has the same bits for any number of ranks, one process among them, if Trainer.Tree is set, and Sum and SumScalars add
// up ranks 0 and 1, 2 and 3, …, then these pairs, and so on; otherwise they differ by rounding.
type Peers interface {
	Rank() int // from 0
	Size() int
	// Sum adds up the ranks' slices element by element, in place: as many of every rank, of the same lengths.
	Sum(x ...[]float32) error
	// SumScalars returns the sums of a few numbers.
	SumScalars(x []float64) ([]float64, error)
	// Give gives the slice of a rank to all the others, whose slices are as long.
	Give(x []float32, from int) error
	// Leave tells the others that this rank goes no further: their calls, those that wait
	// already too, return an error that gives its number and the reason.
	Leave(reason error)
}

// alone is the one rank of a process without peers.
type alone struct{}

func (alone) Rank() int                                 { return 0 }
func (alone) Size() int                                 { return 1 }
func (alone) Sum(...[]float32) error                    { return nil }
func (alone) SumScalars(x []float64) ([]float64, error) { return x, nil }
func (alone) Give([]float32, int) error                 { return nil }
func (alone) Leave(error)                               {}

// What a rank says of itself when the ranks agree.
const (
	fine    = iota
	stops   // was interrupted
	fails   // has an error
	brokeUp // has a number that is not finite
)

// agree adds up n numbers over the ranks, unless one of them fails: then all return an error, the
// one that failed its own, the others its number. Any of them may have been told to stop.
func (r *run) agree(n int, x []float64, mine error) ([]float64, error) {
	size, rank := r.peers.Size(), r.peers.Rank()
	if size == 1 {
		return x, mine
	}
	said := make([]float64, n+size)
	switch {
	case errors.As(mine, new(unsaved)):
		said[n+rank] = brokeUp
	case mine != nil:
		said[n+rank] = fails
	case r.stopped():
		said[n+rank] = stops
	}
	if mine == nil {
		copy(said, x)
	}
	sums, err := r.peers.SumScalars(said)
	switch {
	case mine != nil:
		return nil, mine
	case err != nil:
		return nil, fmt.Errorf("rank %d of %d: %w", rank, size, err)
	case len(sums) != len(said):
		return nil, fmt.Errorf("rank %d of %d: peers return %d sums, want %d", rank, size, len(sums), len(said))
	}
	for i, s := range sums[n:] {
		switch s {
		case fails:
			return nil, fmt.Errorf("rank %d of %d has failed; see what it says", i, size)
		case brokeUp:
			return nil, unsaved{fmt.Errorf("rank %d of %d has a loss that is not finite; see what it says", i, size)}
		case stops:
			r.stopping = fmt.Errorf("rank %d of %d was stopped: %w", i, size, context.Canceled)
		}
	}
	return sums[:n], nil
}

// Share is what a rank has of n micro-batches: from one to before another. Each has as many, a power of two, so that their
// sum is a part of the tree of all, but for the last ranks, which may have fewer, or none.
func Share(n, rank, ranks int) (from, to int) {
	block := 1 << bits.Len(uint((n-1)/ranks))
	return min(rank*block, n), min((rank+1)*block, n)
}

// neutral makes numbers those that change no bit of what they are added to, not even of another zero.
func neutral(x []float32) {
	for i := range x {
		x[i] = float32(math.Copysign(0, -1))
	}
}

// sumGradients adds up the gradients of all ranks, unless that was done while they were computed.
func (r *run) sumGradients() error {
	if r.peers.Size() == 1 || r.overlaps() {
		return nil
	}
	var all [][]float32
	for _, p := range r.inOrder {
		all = append(all, p.GradData())
	}
	return r.summed(r.peers.Sum(all...))
}

// summed words the error of sums.
func (r *run) summed(err error) error {
	if err == nil {
		return nil
	}
	return unsaved{fmt.Errorf("rank %d of %d: gradients: %w", r.peers.Rank(), r.peers.Size(), err)}
}
