package graph

import (
	"cmp"
	"slices"
)

// Arena is memory shared by the results of several programs that take turns, as large as the largest of them
// needs. The zero value is ready to use; see [Program.Share].
type Arena struct {
	size int
	data []float32
}

// Bytes returns what the largest of the programs needs.
func (a *Arena) Bytes() int64 { return 4 * int64(a.size) }

// memory returns the arena's memory, allocating it at the first call and again after a larger program has
// joined.
func (a *Arena) memory() []float32 {
	if len(a.data) < a.size {
		a.data = make([]float32, a.size)
	}
	return a.data
}

// layout records where the results of a program lie in an arena.
type layout struct {
	arena   *Arena
	size    int
	results []*result
	base    *float32 // start of the memory that the results lie in
}

// settle points the results to the arena's current memory.
func (l *layout) settle() {
	memory := l.arena.memory()
	if len(memory) == 0 || l.base == &memory[0] {
		return
	}
	l.base = &memory[0]
	for _, r := range l.results {
		end := r.at + r.shape.TotalSize()
		r.data, r.value = memory[r.at:end:end], nil
	}
}

// loan is a result's claim to memory from one moment of a run to another, both included.
type loan struct {
	*result
	from, to int
}

// lines returns the size of the result in elements, rounded up to whole cache lines.
func (r *result) lines() int { return (r.shape.TotalSize() + lineFloats - 1) / lineFloats * lineFloats }

// lineFloats is the number of elements in a cache line. Every result begins at the start of one.
const lineFloats = 16

// lend gives every loan a place such that loans that are held at the same moment do not overlap.
func (l *layout) lend(loans []loan) {
	for _, x := range loans {
		l.results = append(l.results, x.result)
	}
	if len(loans) > manyLoans {
		l.inTurn(loans)
	} else {
		l.largestFirst(loans)
	}
}

// manyLoans is the largest number of loans that are placed by an algorithm that takes quadratic time.
const manyLoans = 8192

// largestFirst places each loan in the lowest gap that holds it, the largest loan first (Pisarchyk & Lee 2020,
// "Efficient Memory Management for Deep Neural Net Inference", greedy by size).
func (l *layout) largestFirst(loans []loan) {
	slices.SortStableFunc(loans, func(x, y loan) int {
		return cmp.Compare(y.shape.TotalSize(), x.shape.TotalSize())
	})
	var placed []loan // in the order of their places
	for _, x := range loans {
		x.at = 0
		for _, other := range placed {
			if other.to < x.from || x.to < other.from {
				continue
			}
			if x.at+x.lines() <= other.at {
				break
			}
			x.at = max(x.at, other.at+other.lines())
		}
		l.size = max(l.size, x.at+x.lines())
		i, _ := slices.BinarySearchFunc(placed, x, func(x, y loan) int { return cmp.Compare(x.at, y.at) })
		placed = slices.Insert(placed, i, x)
	}
}

// inTurn places the loans, in the order of their first moments, where a loan of the same size has ended, or
// else after all others.
func (l *layout) inTurn(loans []loan) {
	ending := make(map[int][]loan)
	free := make(map[int][]int) // by size
	moment := 0
	for _, x := range loans { // by from
		for ; moment < x.from; moment++ {
			for _, y := range ending[moment] {
				free[y.lines()] = append(free[y.lines()], y.at)
			}
		}
		size := x.lines()
		if places := free[size]; len(places) > 0 {
			x.at, free[size] = places[len(places)-1], places[:len(places)-1]
		} else {
			x.at = l.size
			l.size += size
		}
		ending[x.to] = append(ending[x.to], x)
	}
}
