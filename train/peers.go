package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/gorgpt/gorgpt/graph"
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

// Scatterer is what [Peers] may be, too: then ranks that keep a part of the solver's state each are given the sums of these
// parameters' gradients alone, half of what goes between them.
type Scatterer interface {
	// SumScatter leaves to each rank the sums of its part, parts[Rank()], to the bits of Sum. What is in other parts then is not said.
	SumScatter(parts [][][]float32) error
	// Gather gives each rank's part to all.
	Gather(parts [][][]float32) error
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
// one that failed its own, the others its number. Any of them may have been told to stop. Those that hold one model together
// have the same numbers.
func (r *run) agree(n int, x []float64, mine error) ([]float64, error) {
	if err := r.agreeWithin(mine); err != nil {
		mine = err
	}
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
	case r.stopped() || r.asked:
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

// agreeSharded is [run.agree] of ranks that keep a part of the solver's state each, mine of others.
func (r *run) agreeSharded(mine error) error {
	if r.sharded() {
		_, mine = r.agree(0, nil, mine)
	}
	return mine
}

// agreeWithin has those that hold one model together fail, or be told to stop, together. It returns mine, or what another has met.
func (r *run) agreeWithin(mine error) error {
	size, rank := r.within.Size(), r.within.Rank()
	if size == 1 {
		return mine
	}
	said := make([]float64, size)
	switch {
	case errors.As(mine, new(unsaved)):
		said[rank] = brokeUp
	case mine != nil:
		said[rank] = fails
	case r.stopped():
		said[rank] = stops
	}
	sums, err := r.within.SumScalars(said)
	switch {
	case mine != nil:
		return mine
	case err != nil:
		return fmt.Errorf("rank %d of the %d of a model: %w", rank, size, err)
	}
	for i, s := range sums {
		switch s {
		case fails:
			return fmt.Errorf("rank %d of the %d of a model has failed; see what it says", i, size)
		case brokeUp:
			return unsaved{fmt.Errorf("rank %d of the %d of a model has met what is not finite; see what it says", i, size)}
		case stops:
			r.asked = true
			if r.peers.Size() == 1 {
				r.stopping = fmt.Errorf("rank %d of the %d of a model was stopped: %w", i, size, context.Canceled)
			}
		}
	}
	return nil
}

// withinOf are the processes that hold the model together that this one has a part of: those of [graph.Params.Split].
func (t *Trainer) withinOf() (Peers, error) {
	r := t.Params.Ranks()
	if r == nil {
		return alone{}, nil
	}
	p, ok := r.(Peers)
	if !ok {
		return nil, fmt.Errorf("Trainer.Params are split over %T, want ranks that are train.Peers", r)
	}
	return p, nil
}

// several tells whether there are other processes, that do the same at the same time.
func (r *run) several() bool { return r.peers.Size() > 1 || r.within.Size() > 1 }

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
	if s, ok := r.scatters(); ok {
		return r.summed(s.SumScatter(r.parts((*graph.Param).GradData)))
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
