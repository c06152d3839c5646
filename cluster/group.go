package cluster

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/train"
)

// Group is some ranks of a world, renumbered in the order of their numbers there. It implements
// [train.Peers] and [graph.Ranks] for these ranks. Calls on the world and on its groups must be
// made one at a time, in the same order on every rank.
type Group struct {
	world   *World
	members []int // their ranks in the world
	rank    int
	gone    error // why there are no more calls
	backend *part
	sums
}

var (
	_ train.Peers     = (*Group)(nil)
	_ train.Scatterer = (*Group)(nil)
	_ graph.Ranks     = (*Group)(nil)
	_ graph.Ranks     = (*World)(nil)
)

// Grid divides the world into models: every group of model consecutive ranks holds one together,
// and ranks with the same part of a model share the data. It returns the two groups that this rank
// belongs to: within are the ranks of its model, and across those with the same part. The world's
// size must be a multiple of model.
func (w *World) Grid(model int) (within, across *Group, err error) {
	if model < 1 || w.size%model != 0 {
		return nil, nil, fmt.Errorf("cluster: %d ranks cannot be divided into models of %d ranks", w.size, model)
	}
	row, column := w.rank/model, w.rank%model
	within, across = &Group{world: w, rank: column}, &Group{world: w, rank: row}
	for i := range model {
		within.members = append(within.members, row*model+i)
	}
	for i := range w.size / model {
		across.members = append(across.members, i*model+column)
	}
	return within, across, nil
}

// Rank returns the number of this process in the group.
func (g *Group) Rank() int { return g.rank }

// Size returns the number of ranks in the group.
func (g *Group) Size() int { return len(g.members) }

// At is [World.At].
func (g *Group) At(place string) { g.world.At(place) }

// Sum adds up the ranks' slices in place, in a fixed tree.
func (g *Group) Sum(x ...[]float32) error {
	return g.do(sumCall, lengthOf(x), func(backend) error { return g.floats.sum(x) })
}

// SumScatter leaves to each rank the sums of its part, by the tree of Sum.
func (g *Group) SumScatter(parts [][][]float32) error {
	return g.do(scatterCall, lengthOf(slices.Concat(parts...)), func(backend) error { return g.floats.scatter(parts) })
}

// Gather copies each rank's part to all ranks.
func (g *Group) Gather(parts [][][]float32) error {
	return g.do(gatherCall, lengthOf(slices.Concat(parts...)), func(backend) error { return g.floats.collect(parts) })
}

// Max replaces each number by the largest of the ranks' numbers at its place, or NaN if one of them
// is.
func (g *Group) Max(x []float32) error {
	return g.do(maxCall, len(x), func(backend) error { return g.largest.sum([][]float32{x}) })
}

// SumScalars returns the sums over the ranks, in a fixed tree.
func (g *Group) SumScalars(x []float64) ([]float64, error) {
	all := append([]float64(nil), x...)
	err := g.do(scalarsCall, len(x), func(backend) error { return g.scalars.sum([][]float64{all}) })
	return all, err
}

// Give copies rank from's slice to all ranks.
func (g *Group) Give(x []float32, from int) error {
	return g.do(giveCall, 4*len(x), func(b backend) error { return giveAll(b, bytesOf(x), from) })
}

// Leave tells the other ranks of the group that this rank has stopped.
func (g *Group) Leave(reason error) {
	if g.gone != nil || len(g.members) == 1 {
		return
	}
	text := reason.Error()
	_ = g.submit(&request{call: leaveCall, size: min(len(text), mostReason), reason: text}) // there are no more calls, whatever it returns
	if g.gone == nil {
		g.gone = fmt.Errorf("this rank has stopped: %w", reason)
	}
}

func (g *Group) do(call, size int, run func(backend) error) error {
	if g.gone != nil {
		return g.gone
	}
	if len(g.members) == 1 {
		return nil
	}
	return g.submit(&request{call: call, size: size, run: run})
}

// submit waits for the result of a request. After an error, the group makes no more calls; the
// world does, unless its library is broken.
func (g *Group) submit(r *request) error {
	if g.world.gone != nil {
		return g.world.gone
	}
	r.group, r.done = g, make(chan error, 1)
	g.world.queue <- r
	g.gone = <-r.done
	if broken := new(brokenError); errors.As(g.gone, &broken) {
		g.world.gone = g.gone
	}
	return g.gone
}

// of returns the backend for the group's ranks, given the world's. Only the MPI thread calls it.
func (g *Group) of(b backend) backend {
	if g.backend == nil {
		g.backend = &part{b, g}
		g.sums = newSums(g.backend)
	}
	return g.backend
}

// part is a backend for some of the ranks of another.
type part struct {
	backend
	group *Group
}

func (p *part) rank() int { return p.group.rank }
func (p *part) size() int { return len(p.group.members) }

func (p *part) sending(x []byte, to int) (end func() error) {
	return p.backend.sending(x, p.group.members[to])
}

func (p *part) receiving(x []byte, from int) (end func() error) {
	return p.backend.receiving(x, p.group.members[from])
}

// give passes x from rank to rank, since the library's broadcast is for all ranks.
func (p *part) give(x []byte, from int) error {
	return spread(turned{p, from}, x)
}

// reduce adds up by the fixed tree, since the library's reduction is for all ranks.
func (p *part) reduce(x []float32) error { return p.group.floats.sum([][]float32{x}) }

// turned is a backend in which rank first is rank 0.
type turned struct {
	*part
	first int
}

func (t turned) rank() int { return (t.part.rank() - t.first + t.size()) % t.size() }

func (t turned) sending(x []byte, to int) (end func() error) {
	return t.part.sending(x, (to+t.first)%t.size())
}

func (t turned) receiving(x []byte, from int) (end func() error) {
	return t.part.receiving(x, (from+t.first)%t.size())
}

// sums adds up over the ranks. Only the MPI thread uses it.
type sums struct {
	floats, largest *adder[float32]
	scalars         *adder[float64]
}

func newSums(b backend) sums {
	return sums{floats: newAdder(b, addFloats), largest: newAdder(b, largest), scalars: newAdder(b, addScalars)}
}
