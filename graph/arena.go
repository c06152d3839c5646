package graph

import (
	"cmp"
	"slices"
)

// arena is the memory that a program's results take turns in.
type arena struct {
	size   int
	data   []float32
	lender *arena // another program's, large enough for this one
}

// memory is made at the first call, or the lender's.
func (a *arena) memory() []float32 {
	if a.data == nil && a.lender != nil {
		a.data = a.lender.memory()[:a.size]
	}
	if a.data == nil {
		a.data = make([]float32, a.size)
	}
	return a.data
}

// loan is a result's claim to memory from one moment of a run to another, both included.
type loan struct {
	*result
	from, to int
}

// lineFloats is the number of elements in a cache line, where every result begins.
const lineFloats = 16

// lend gives every loan a place such that those of one moment do not overlap: the largest
// first, each in the lowest gap that holds it (Pisarchyk & Lee 2020, "Efficient Memory
// Management for Deep Neural Net Inference", greedy by size).
func (a *arena) lend(loans []loan) {
	slices.SortStableFunc(loans, func(x, y loan) int {
		return cmp.Compare(y.shape.TotalSize(), x.shape.TotalSize())
	})
	var placed []loan // by their places
	for _, l := range loans {
		size := (l.shape.TotalSize() + lineFloats - 1) / lineFloats * lineFloats
		l.arena, l.at = a, 0
		for _, other := range placed {
			if other.to < l.from || l.to < other.from {
				continue
			}
			if l.at+size <= other.at {
				break
			}
			l.at = max(l.at, other.at+other.shape.TotalSize())
			l.at = (l.at + lineFloats - 1) / lineFloats * lineFloats
		}
		a.size = max(a.size, l.at+size)
		i, _ := slices.BinarySearchFunc(placed, l, func(x, y loan) int { return cmp.Compare(x.at, y.at) })
		placed = slices.Insert(placed, i, l)
	}
}
