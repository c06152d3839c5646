package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Cache is what incremental graphs keep from run to run: what layers want to remember of
// the positions of some sequences, such as attention its keys and values. A model that is
// given a sequence piece by piece computes with it what it would compute with the whole.
//
// A sequence goes on where it was, or begins again at 0. Layers that look back through a window
// remember no more than that ([Scope.RememberLast]), so that an earlier place may be lost; a run that
// would go on from there is an error.
//
// Programs over one Cache share it; they run one at a time.
type Cache struct {
	*stores
	batch, first int   // how many sequences of the stores it is, and from which on
	counts       []int // of the coming run's positions; none: all count
}

// stores is what a Cache and its parts share.
type stores struct {
	batch, capacity int
	all             []*store  // in the order of declaration
	ends            []int     // of each sequence, the positions that it has been given
	before          []float32 // of Select
}

// store is what one layer remembers: of every sequence, a row for each of its last positions.
// Position t is in row t mod rows.
type store struct {
	name        string
	width, rows int
	data        []float32
}

// allocate makes room for so many sequences, once.
func (s *store) allocate(batch int) {
	if s.data == nil {
		s.data = make([]float32, batch*s.rows*s.width)
	}
}

// sequence is the rows of a sequence's first positions up to used, or of the last of these.
func (s *store) sequence(i, used int) []float32 {
	return s.data[i*s.rows*s.width:][:min(used, s.rows)*s.width]
}

// NewCache returns a cache for a number of sequences, for so many positions each. What
// is remembered takes memory from the first run of a program on.
func NewCache(batch, capacity int) *Cache {
	return &Cache{stores: &stores{batch: batch, capacity: capacity, ends: make([]int, max(batch, 0))}, batch: batch}
}

// Part is n sequences of m from the first on, for programs that run these alone.
func (m *Cache) Part(first, n int) *Cache {
	return &Cache{stores: m.stores, batch: n, first: m.first + first}
}

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
		total += 4 * int64(m.batch) * int64(s.rows) * int64(s.width)
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
		// Another's source may be written over before it is read.
		m.before = m.before[:0]
		for to, from := range from {
			if to != from {
				m.before = append(m.before, s.sequence(m.first+from, used)...)
			}
		}
		before := m.before
		for to, from := range from {
			if to != from {
				before = before[copy(s.sequence(m.first+to, used), before):]
			}
		}
	}
	ends := slices.Clone(m.ends[m.first:])
	for to, from := range from {
		m.ends[m.first+to] = ends[from]
	}
}

// Copy makes the sequence to what the sequence from is, for its first positions up to used.
func (m *Cache) Copy(to, from, used int) { m.CopyRest(to, from, 0, used) }

// CopyRest is Copy to a sequence whose first positions up to same are those of the sequence from, so that
// only what follows them need be copied.
func (m *Cache) CopyRest(to, from, same, used int) {
	for _, s := range m.all {
		if s.data == nil {
			continue
		}
		at := 0
		if s.rows == m.capacity {
			at = min(same, used) * s.width
		}
		copy(s.sequence(m.first+to, used)[at:], s.sequence(m.first+from, used)[at:])
	}
	m.ends[m.first+to] = m.ends[m.first+from]
}

// Count tells of the coming run how many positions of each sequence's piece belong to it; what follows
// them only fills the piece, whose length is fixed in a graph. Without it all do. What looks back
// through a window would lose what the window still needs to what fills.
func (m *Cache) Count(positions []int) { m.counts = append(m.counts[:0], positions...) }

// Counts is how many positions of each sequence's piece belong to it, in a run.
func (m *Cache) Counts() []int { return m.counts }

// extend takes note of a run over pieces of so many positions that follow those of the past.
func (m *Cache) extend(past []int, positions int) error {
	if m.batch < 1 || m.capacity < 1 {
		return fmt.Errorf("graph: a cache of %d sequences of %d positions; want 1 or more of 1 or more", m.batch, m.capacity)
	}
	if len(m.counts) == 0 {
		for range m.batch {
			m.counts = append(m.counts, positions)
		}
	}
	// Where nothing has told the length of a piece ([Scope.SetSequence]), no layer has a window.
	if len(m.counts) != m.batch || slices.Min(m.counts) < 0 || positions > 0 && slices.Max(m.counts) > positions {
		return fmt.Errorf("graph: Cache.Count of %v; want %d counts of 0 to %d positions", m.counts, m.batch, positions)
	}
	for b, p := range past {
		end := &m.ends[m.first+b]
		if p == 0 {
			*end = 0
		}
		for _, s := range m.all {
			if *end > s.rows && p < *end-1 {
				return fmt.Errorf("graph: sequence %d goes back to position %d after %d, of which %s keeps the last %d: begin it at 0, or go on from a copy (Cache.Copy); positions that only fill a piece are told by Cache.Count", b, p, *end, s.name, s.rows)
			}
		}
		*end = max(*end, p+m.counts[b])
	}
	return nil
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
	kept, _ := s.RememberLast(name, width, 0)
	return kept
}

// RememberLast is Remember for a layer that looks back through a window of so many positions, that
// of the row itself included: it returns also how many rows there are, at most the window, and
// position t is in row t mod rows; the function returns (B, rows, width). The layer reads the
// positions of the past that a row needs before it writes that row, in the order of the positions,
// and writes as many of a sequence as [Cache.Counts] says. A window of 0 has no bound.
func (s *Scope) RememberLast(name string, width, window int) (kept func() []float32, rows int) {
	m, full := s.cache, s.join(name)
	switch {
	case m == nil:
		s.Fail("Remember", tensor.ScalarShape(), "the graph of whole sequences remembers nothing; see graph.Incremental")
		return func() []float32 { return nil }, 0
	case window < 0:
		s.Fail("Remember", tensor.ScalarShape(), "a window of %d positions; want 1 or more, or 0 for all", window)
	case window == 0 || window > m.capacity:
		window = m.capacity
	}
	if s.shared {
		full = numbered(s.builder.stores, full)
	}
	i := slices.IndexFunc(m.all, func(s *store) bool { return s.name == full })
	if i < 0 {
		i = len(m.all)
		m.all = append(m.all, &store{name: full, width: width, rows: window})
	}
	k := m.all[i]
	if k.width != width || k.rows != window {
		s.Fail("Remember", tensor.ScalarShape(), "%d positions of %d numbers called %s; the cache has %d of %d", window, width, name, k.rows, k.width)
	}
	return func() []float32 {
		size := k.rows * k.width
		k.allocate(m.stores.batch)
		return k.data[m.first*size : (m.first+m.batch)*size]
	}, k.rows
}

// Width is how many numbers are remembered of a position, by all layers together.
func (m *Cache) Width() int {
	total := 0
	for _, s := range m.all {
		total += s.width
	}
	return total
}

// Rows are, for each layer that remembers, of how many of a sequence's last positions it does.
func (m *Cache) Rows() []int {
	rows := make([]int, len(m.all))
	for i, s := range m.all {
		rows[i] = s.rows
	}
	return rows
}

// Save copies what is remembered of the positions from one on of a sequence, [Cache.Width] numbers for
// each, for [Cache.Restore]. It returns how many of the first ones each layer with a window has
// forgotten; nil if all are there.
func (m *Cache) Save(sequence, from int, page []float32) (lost []int) {
	sequence += m.first
	n := m.positions(page)
	for i, s := range m.all {
		part := page[:n*s.width]
		page = page[len(part):]
		first := 0
		if s.rows < m.capacity {
			first = min(max(0, m.ends[sequence]-s.rows-from), n)
		}
		if first > 0 {
			if lost == nil {
				lost = make([]int, len(m.all))
			}
			lost[i] = first
		}
		for k := first; k < n; k++ {
			copy(part[k*s.width:][:s.width], s.row(sequence, from+k))
		}
	}
	return lost
}

// Restore gives a sequence what [Cache.Save] has copied of some positions, after which it ends. Those
// that a window reaches back to from there are given before, in their order.
func (m *Cache) Restore(sequence, from int, page []float32) {
	sequence += m.first
	n := m.positions(page)
	for _, s := range m.all {
		s.allocate(m.stores.batch)
		part := page[:n*s.width]
		page = page[len(part):]
		for i := range n {
			copy(s.row(sequence, from+i), part[i*s.width:][:s.width])
		}
	}
	m.ends[sequence] = from + n
}

// positions is how many a page of Save's is of.
func (m *Cache) positions(page []float32) int {
	if width := m.Width(); width > 0 {
		return len(page) / width
	}
	return 0
}

// row is what a layer remembers of a position of a sequence of the whole cache.
func (s *store) row(sequence, position int) []float32 {
	return s.data[(sequence*s.rows+position%s.rows)*s.width:][:s.width]
}
