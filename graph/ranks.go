package graph

import "errors"

// Ranks are processes that together hold one model, each a part of the layers that are split, as seen from one
// of them. All ranks must make the same calls in the same order. A call returns when every rank has made it,
// with the same bits on each.
type Ranks interface {
	Rank() int // from 0
	Size() int
	// Sum adds up the ranks' slices element by element, in place. All ranks give the same number of slices of
	// the same lengths.
	Sum(x ...[]float32) error
	// Max is Sum for one slice, with the maximum in place of the sum. If an element is NaN, so is the result.
	Max(x []float32) error
	// SumScalars returns the sums of a few numbers.
	SumScalars(x []float64) ([]float64, error)
	// Give copies x of rank from to x of all others, which has the same length.
	Give(x []float32, from int) error
}

// Split makes every graph over the store split its layers over ranks, as in Shoeybi et al. 2019 (Megatron-LM,
// §3): this process holds only its part of each large parameter, and computes with that; see [Layout] for how.
// It is set here, once, and does not appear in models. The initial values of a part are those that it has in
// the whole parameter. Split must be called before anything is declared. One rank, or nil, splits nothing.
func (ps *Params) Split(r Ranks) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	switch {
	case r == nil || r.Size() == 1:
		return nil
	case len(ps.order) > 0:
		return errors.New("graph: Split was called after parameters were declared; call it before")
	}
	ps.ranks = r
	return nil
}

// Ranks returns the ranks that [Params.Split] was given, or nil if this process has everything.
func (ps *Params) Ranks() Ranks { return ps.ranks }

// Ranks returns the ranks that the graph's parameters are split over, or nil.
func (s *Scope) Ranks() Ranks { return s.params.ranks }

// Counted returns the first of size ranks, which has the largest part, for declaring a graph and counting what
// it needs. Programs over it cannot run.
func Counted(size int) Ranks { return counted(size) }

type counted int

var errCounted = errors.New("the ranks are only for counting (graph.Counted)")

func (counted) Rank() int                               { return 0 }
func (c counted) Size() int                             { return int(c) }
func (counted) Sum(...[]float32) error                  { return errCounted }
func (counted) Max([]float32) error                     { return errCounted }
func (counted) SumScalars([]float64) ([]float64, error) { return nil, errCounted }
func (counted) Give([]float32, int) error               { return errCounted }
