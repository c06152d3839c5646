package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/gorgpt/gorgpt/graph"
)

// Peers are the processes that train one model together, each on its share of the data, as seen
// from one of them. All call the same methods in the same order. A call returns when every rank has
// made it, with the same bits on each.
//
// A run is bit-identical for any number of ranks, including a single process, if Trainer.Tree is
// set and Sum and SumScalars add up ranks 0 and 1, 2 and 3, …, then these pairs, and so on.
// Otherwise runs differ by rounding.
type Peers interface {
	Rank() int // from 0
	Size() int
	// Sum adds up the ranks' slices element by element, in place. Every rank passes the same number
	// of slices, of the same lengths.
	Sum(x ...[]float32) error
	// SumScalars returns the sums of a few numbers.
	SumScalars(x []float64) ([]float64, error)
	// Give copies a slice from rank from to all the others, whose slices must have the same length.
	Give(x []float32, from int) error
	// Leave tells the others that this rank has stopped: their calls, including those that already
	// wait, return an error with its number and the reason.
	Leave(reason error)
}

// Scatterer is an interface that [Peers] may also implement. Ranks that each keep a part of the
// solver's state then receive only the sums of the gradients of their parameters, which halves the
// traffic between them.
type Scatterer interface {
	// SumScatter leaves in parts[Rank()] the sums of that part over all ranks, with the same bits
	// as Sum. The contents of the other parts are then unspecified.
	SumScatter(parts [][][]float32) error
	// Gather copies each rank's part to all ranks.
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

// What a rank reports of itself when the ranks agree.
const (
	fine    = iota
	stops   // was interrupted
	fails   // has an error
	brokeUp // has a number that is not finite
)

// agree adds up n numbers over the ranks, unless one of them fails. Then all return an error: the
// rank that failed its own, the others one with its number. If a rank was told to stop, agree sets
// r.stopping on all. Ranks that hold one model together pass the same numbers.
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
			return nil, fmt.Errorf("rank %d of %d has failed; see its error message", i, size)
		case brokeUp:
			return nil, unsaved{fmt.Errorf("rank %d of %d has a loss that is not finite; see its error message", i, size)}
		case stops:
			r.stopping = fmt.Errorf("rank %d of %d was stopped: %w", i, size, context.Canceled)
		}
	}
	return sums[:n], nil
}

// agreeSharded is [run.agree], without numbers, for ranks that each keep a part of the solver's
// state; otherwise it returns mine.
func (r *run) agreeSharded(mine error) error {
	if r.sharded() {
		_, mine = r.agree(0, nil, mine)
	}
	return mine
}

// agreeWithin makes the ranks that hold one model together fail, or stop, together. It returns
// mine, or an error that another rank has met.
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
			return fmt.Errorf("rank %d of the %d of a model has failed; see its error message", i, size)
		case brokeUp:
			return unsaved{fmt.Errorf("rank %d of the %d of a model found a value that is not finite; see its error message", i, size)}
		case stops:
			r.asked = true
			if r.peers.Size() == 1 {
				r.stopping = fmt.Errorf("rank %d of the %d of a model was stopped: %w", i, size, context.Canceled)
			}
		}
	}
	return nil
}

// withinOf returns the processes that hold the model together, of which this one has a part: those
// of [graph.Params.Split].
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

// several reports whether there are other processes that do the same at the same time.
func (r *run) several() bool { return r.peers.Size() > 1 || r.within.Size() > 1 }

// Share returns the range from ≤ i < to of n micro-batches that a rank runs. Every rank has the
// same number, a power of two, so that their sum is a subtree of the sum of all; only the last
// ranks may have fewer, or none.
func Share(n, rank, ranks int) (from, to int) {
	block := 1 << bits.Len(uint((n-1)/ranks))
	return min(rank*block, n), min((rank+1)*block, n)
}

// neutral sets numbers to -0, which changes no bit of what they are added to, not even of another
// zero.
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

// summed wraps an error from adding up gradients.
func (r *run) summed(err error) error {
	if err == nil {
		return nil
	}
	return unsaved{fmt.Errorf("rank %d of %d: gradients: %w", r.peers.Rank(), r.peers.Size(), err)}
}
