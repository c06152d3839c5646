package graph

import (
	"slices"

	G "gorgonia.org/gorgonia"
)

// Cache is what incremental graphs keep from run to run: what layers want to remember of
// the positions of some sequences, such as attention its keys and values. A model that is
// given a sequence piece by piece computes with it what it would compute with the whole.
//
// Programs over one Cache share it; they run one at a time.
type Cache struct {
	*stores
	batch, first int // how many sequences of the stores it is, and from which on
}

// stores is what a Cache and its parts share.
type stores struct {
	batch, capacity int
	all             []*store  // in the order of declaration
	before          []float32 // of Select
}

// store is what one layer remembers: a row for every position of every sequence.
type store struct {
	name  string
	width int
	data  []float32
}

// NewCache returns a cache for a number of sequences, for so many positions each. What
// is remembered takes memory from the first run of a program on.
func NewCache(batch, capacity int) *Cache {
	return &Cache{&stores{batch: batch, capacity: capacity}, batch, 0}
}

// Part is n sequences of m from the first on, for programs that run these alone.
func (m *Cache) Part(first, n int) *Cache { return &Cache{m.stores, n, m.first + first} }

// MoveTo makes a Part begin at the first sequence of the whole, for the coming runs of the
// programs over it.
func (m *Cache) MoveTo(first int) { m.first = first }

// Batch is the number of sequences.
func (m *Cache) Batch() int { return m.batch }

// Capacity is the number of positions of a sequence.
func (m *Cache) Capacity() int { return m.capacity }

// Bytes is what the declared stores take.
func (m *Cache) Bytes() int64 {
	var total int64
	for _, s := range m.all {
		total += 4 * int64(m.batch) * int64(m.capacity) * int64(s.width)
	}
	return total
}

// Select makes sequence i what sequence from[i] was, for its first positions up to used:
// beams and samples go on from one another.
func (m *Cache) Select(from []int, used int) {
	for _, s := range m.all {
		if s.data == nil {
			continue
		}
		size, part := m.capacity*s.width, used*s.width
		data := s.data[m.first*size:]
		// Another's source may be written over before it is read.
		m.before = m.before[:0]
		for to, from := range from {
			if to != from {
				m.before = append(m.before, data[from*size:][:part]...)
			}
		}
		before := m.before
		for to, from := range from {
			if to != from {
				copy(data[to*size:], before[:part])
				before = before[part:]
			}
		}
	}
}

// Copy makes the sequence to what the sequence from is, for its first positions up to used.
func (m *Cache) Copy(to, from, used int) {
	for _, s := range m.all {
		if size := m.capacity * s.width; s.data != nil {
			data := s.data[m.first*size:]
			copy(data[to*size:], data[from*size:][:used*s.width])
		}
	}
}

// Incremental builds the graph of a piece of the sequences that m remembers: tokens of shape
// (m.Batch(), N) are the N that follow. How many positions each sequence has already is
// the input "past" of the program, of shape (B). Such graphs have no gradients, and an op in
// them must say that it works row by row: [Op.RowWise].
func Incremental(m *Cache) Option { return func(b *builder) { b.cache = m } }

// Seamless has an incremental graph compute each position with the same bits wherever its sequence
// is cut into pieces: ops take no faster way that sums in another order, such as one for many
// positions that nothing comes before.
func Seamless() Option { return func(b *builder) { b.seamless = true } }

// Seamless tells whether the graph is built so: see the function [Seamless].
func (s *Scope) Seamless() bool { return s.seamless }

// Cache is what an incremental graph keeps, and nil in others.
func (s *Scope) Cache() *Cache { return s.cache }

// Past is the integer input (B) of an incremental graph that counts the positions that each
// sequence has already. It is nil in other graphs.
func (s *Scope) Past() *G.Node {
	if s.cache == nil {
		return nil
	}
	if n := s.inputs["past"]; n != nil {
		return n
	}
	return (&Scope{builder: s.builder}).Ints("past", s.cache.batch)
}

// Remember declares something that the layer of this scope remembers, width numbers for each
// position. The function returns it in a run: (B, capacity, width), row by row. In a [Scope.Shared]
// place, the second of a name in one graph is another than the first.
func (s *Scope) Remember(name string, width int) func() []float32 {
	m, full := s.cache, s.join(name)
	if s.shared {
		full = numbered(s.builder.stores, full)
	}
	i := slices.IndexFunc(m.all, func(s *store) bool { return s.name == full })
	if i < 0 {
		i = len(m.all)
		m.all = append(m.all, &store{name: full, width: width})
	}
	kept, size := m.all[i], m.capacity*width
	return func() []float32 {
		if kept.data == nil {
			kept.data = make([]float32, m.stores.batch*size)
		}
		return kept.data[m.first*size : (m.first+m.batch)*size]
	}
}
