package tokenizer

import "math"

// pair is two neighboring ids.
type pair struct{ left, right int32 }

func (p pair) key() uint64 { return uint64(uint32(p.left))<<32 | uint64(uint32(p.right)) }

// merges holds the merges of a vocabulary, in the order in which they were learned;
// the position of a merge is its rank. It is a hash table with linear probing, at
// most a quarter full, as most pairs that are looked up are not in it.
type merges struct {
	keys    []uint64
	ranks   []int32 // of the key at the same index
	shift   uint
	pairs   []pair  // by rank
	results []int32 // by rank: the id that the pair becomes
}

const (
	noPair  = math.MaxUint64 // key of an empty slot
	noMerge = math.MaxInt32
)

// newMerges returns a table with room for n merges.
func newMerges(n int) *merges {
	bits := uint(4)
	for 1<<bits < 4*n {
		bits++
	}
	m := &merges{
		keys: make([]uint64, 1<<bits), ranks: make([]int32, 1<<bits), shift: 64 - bits,
		pairs: make([]pair, 0, n), results: make([]int32, 0, n),
	}
	for i := range m.keys {
		m.keys[i] = noPair
	}
	return m
}

// slot returns where the key is, or where it would be.
func (m *merges) slot(key uint64) int {
	mask := len(m.keys) - 1
	i := int(key * 0x9e3779b97f4a7c15 >> m.shift)
	for m.keys[i] != key && m.keys[i] != noPair {
		i = (i + 1) & mask
	}
	return i
}

// add appends the next merge; newMerges must have made room for it. It returns false,
// and does nothing, if there is a merge of that pair.
func (m *merges) add(p pair, result int32) bool { return m.addAs(p, result, int32(len(m.pairs))) }

// addAs is add for a pair with the rank of an earlier pair that has the same result: of the two,
// the leftmost in a text is merged first.
func (m *merges) addAs(p pair, result, rank int32) bool {
	i := m.slot(p.key())
	if m.keys[i] != noPair {
		return false
	}
	m.keys[i], m.ranks[i] = p.key(), rank
	m.pairs, m.results = append(m.pairs, p), append(m.results, result)
	return true
}

// rank returns the rank of a merge, noMerge if there is none.
func (m *merges) rank(left, right int32) int32 {
	if i := m.slot(pair{left, right}.key()); m.keys[i] != noPair {
		return m.ranks[i]
	}
	return noMerge
}

// longPiece is the number of symbols from which a heap is faster than a scan.
const longPiece = 100

// apply merges ids in place and returns the result: each step merges the pair of
// the lowest rank, the leftmost of several, until there is none.
func (m *merges) apply(ids []int32) []int32 {
	switch {
	case len(ids) < 2:
		return ids
	case len(ids) < longPiece:
		return m.scan(ids)
	}
	return m.queue(ids)
}

// scan searches all ranks for the lowest, which is quadratic, but fastest for words.
func (m *merges) scan(ids []int32) []int32 {
	var room [longPiece]int32
	ranks := room[:len(ids)-1] // ranks[i] is that of ids[i], ids[i+1]
	for i := range ranks {
		ranks[i] = m.rank(ids[i], ids[i+1])
	}
	for len(ranks) > 0 {
		at, lowest := 0, ranks[0]
		for i, r := range ranks {
			if r < lowest {
				at, lowest = i, r
			}
		}
		if lowest == noMerge {
			break
		}
		ids[at] = m.results[lowest]
		copy(ids[at+1:], ids[at+2:])
		copy(ranks[at:], ranks[at+1:])
		ids, ranks = ids[:len(ids)-1], ranks[:len(ranks)-1]
		if at > 0 {
			ranks[at-1] = m.rank(ids[at-1], ids[at])
		}
		if at < len(ranks) {
			ranks[at] = m.rank(ids[at], ids[at+1])
		}
	}
	return ids
}

// queue keeps the symbols in a linked list and the possible merges in a heap: n log n.
// A merge that has become stale through another next to it is recognized when it is
// popped, as its pair then has another rank.
func (m *merges) queue(ids []int32) []int32 {
	n := int32(len(ids))
	next, previous := make([]int32, n), make([]int32, n)
	for i := range n {
		next[i], previous[i] = i+1, i-1
	}
	h := make(candidates, 0, n)
	for i := range n - 1 {
		if r := m.rank(ids[i], ids[i+1]); r != noMerge {
			h = append(h, candidate(r, i))
		}
	}
	h.order()
	offer := func(i int32) {
		if i < 0 || next[i] == n {
			return
		}
		if r := m.rank(ids[i], ids[next[i]]); r != noMerge {
			h.push(candidate(r, i))
		}
	}
	for len(h) > 0 {
		c := h.pop()
		rank, i := int32(c>>32), int32(uint32(c))
		if ids[i] < 0 || next[i] == n || m.rank(ids[i], ids[next[i]]) != rank {
			continue
		}
		gone := next[i]
		ids[i], ids[gone] = m.results[rank], -1
		next[i] = next[gone]
		if next[i] < n {
			previous[next[i]] = i
		}
		offer(previous[i])
		offer(i)
	}
	left := ids[:0]
	for i := int32(0); i < n; i = next[i] {
		left = append(left, ids[i])
	}
	return left
}

// candidates are the possible merges, a heap with the next one at the front. The rank
// is in the upper half, so that the lowest comes first, and the place in the lower
// half, so that the leftmost comes first among equals.
type candidates []uint64

func candidate(rank, place int32) uint64 { return uint64(rank)<<32 | uint64(uint32(place)) }

// order establishes the heap order.
func (h candidates) order() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.sink(i)
	}
}

func (h *candidates) push(c uint64) {
	*h = append(*h, c)
	s := *h
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if s[parent] <= c {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = c
}

func (h *candidates) pop() uint64 {
	s := *h
	first, last := s[0], len(s)-1
	s[0] = s[last]
	*h = s[:last]
	if last > 0 {
		h.sink(0)
	}
	return first
}

// sink moves the entry at i down to its place.
func (h candidates) sink(i int) {
	c := h[i]
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if c <= h[child] {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = c
}
