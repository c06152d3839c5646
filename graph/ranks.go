package graph

import "errors"

// Ranks are processes that hold one model together, each a part of what its layers split, seen from one of them. All
// make the same calls in the same order; a call returns when every rank has made it, with the same bits on each.
type Ranks interface {
	Rank() int // from 0
	Size() int
	// Sum adds up the ranks' slices element by element, in place: as many of every rank, of the same lengths.
	Sum(x ...[]float32) error
	// Max is Sum of a slice with the largest in the place of the sum; of a NaN it is NaN.
	Max(x []float32) error
	// SumScalars returns the sums of a few numbers.
	SumScalars(x []float64) ([]float64, error)
	// Give gives the slice of a rank to all the others, whose slices are as long.
	Give(x []float32, from int) error
}

// Split has every graph over the store split its layers over ranks, as Shoeybi et al. 2019 (Megatron-LM, §3) do: this process
// holds the part of each large parameter that is its own, and computes with that; see [Layout] for how. It is said here, once, and
// models say nothing of it. A parameter's first values are those that it has whole. Call it before anything is declared. One rank, or nil, splits nothing.
func (ps *Params) Split(r Ranks) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	switch {
	case r == nil || r.Size() == 1:
		return nil
	case len(ps.order) > 0:
		return errors.New("graph: Split of parameters that are declared already; want it before")
	}
	ps.ranks = r
	return nil
}

// Ranks are those that [Params.Split] was given, nil if a process has all.
func (ps *Params) Ranks() Ranks { return ps.ranks }

// Ranks are those that the graph's parameters are split over, or nil.
func (s *Scope) Ranks() Ranks { return s.params.ranks }

// Counted is the first of so many ranks, the one that has most, to declare a graph over and count what it takes: nothing runs.
func Counted(size int) Ranks { return counted(size) }

type counted int

var errCounted = errors.New("the ranks were given for counting alone (graph.Counted)")

func (counted) Rank() int                               { return 0 }
func (c counted) Size() int                             { return int(c) }
func (counted) Sum(...[]float32) error                  { return errCounted }
func (counted) Max([]float32) error                     { return errCounted }
func (counted) SumScalars([]float64) ([]float64, error) { return nil, errCounted }
func (counted) Give([]float32, int) error               { return errCounted }
