package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Cache holds what incremental graphs keep from run to run: what layers remember of the positions of some
// sequences, such as the keys and values of attention. With it, a model that is given sequences piece by piece
// computes what it would compute from the whole sequences.
//
// A sequence continues from where it was, or starts over at 0. Layers that look back through a window remember
// only as many positions as the window has ([Scope.RememberLast]), so that a sequence may be unable to continue
// from an earlier position; a run that tries to is an error.
//
// Programs over one Cache share it; only one of them may run at a time.
type Cache struct {
	*stores
	batch, first int   // number of sequences, and the first of them within the stores
	counts       []int // real positions in the coming run, for each sequence; if empty, all are
}

// stores is shared by a Cache and its parts.
type stores struct {
	batch, capacity int
	all             []*store  // in the order of declaration
	ends            []int     // number of positions that each sequence has been given
	before          []float32 // buffer of Select
}

// store is what one layer remembers: for every sequence, a row for each of its last positions. Position t is in
// row t mod rows.
type store struct {
	name        string
	width, rows int
	data        []float32
}

// allocate makes room for the given number of sequences, once.
func (s *store) allocate(batch int) {
	if s.data == nil {
		s.data = make([]float32, batch*s.rows*s.width)
	}
}

// sequence returns the rows of the first used positions of a sequence, or as many of them as the store keeps.
func (s *store) sequence(i, used int) []float32 {
	return s.data[i*s.rows*s.width:][:min(used, s.rows)*s.width]
}

// NewCache returns a cache for the given number of sequences, with capacity positions each. Its memory is
// allocated by the first run of a program.
func NewCache(batch, capacity int) *Cache {
	return &Cache{stores: &stores{batch: batch, capacity: capacity, ends: make([]int, max(batch, 0))}, batch: batch}
}

// Part returns the part of m with n sequences beginning at first, for programs that run only these.
func (m *Cache) Part(first, n int) *Cache {
	return &Cache{stores: m.stores, batch: n, first: m.first + first}
}

// MoveTo makes a Part begin at sequence first of the whole cache, for the coming runs of the programs over it.
func (m *Cache) MoveTo(first int) { m.first = first }

// Batch returns the number of sequences.
func (m *Cache) Batch() int { return m.batch }

// Capacity returns the number of positions of a sequence.
func (m *Cache) Capacity() int { return m.capacity }

// Bytes returns the size of the declared stores.
func (m *Cache) Bytes() int64 {
	var total int64
	for _, s := range m.all {
		total += 4 * int64(m.batch) * int64(s.rows) * int64(s.width)
	}
	return total
}

// Select makes sequence i what sequence from[i] was, for its first positions up to used, so that beams and
// samples can continue from one another.
func (m *Cache) Select(from []int, used int) {
	for _, s := range m.all {
		if s.data == nil {
			continue
		}
		// A source may be overwritten before it is read.
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

// Copy copies the first positions of sequence from, up to used, to sequence to.
func (m *Cache) Copy(to, from, used int) { m.CopyRest(to, from, 0, used) }

// CopyRest is Copy for a sequence that already has the first positions, up to same, of the sequence from, so
// that only the positions after these need to be copied.
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

// Count sets, for the coming run, how many positions of each sequence's piece are real. The rest is padding,
// since the length of a piece is fixed in a graph. Without a call, all positions are real. If padding were not
// declared, layers with a window would overwrite positions that the window still needs.
func (m *Cache) Count(positions []int) { m.counts = append(m.counts[:0], positions...) }

// Counts returns, during a run, how many positions of each sequence's piece are real.
func (m *Cache) Counts() []int { return m.counts }

// extend records a run over pieces of the given number of positions that follow past, or returns an error.
func (m *Cache) extend(past []int, positions int) error {
	if m.batch < 1 || m.capacity < 1 {
		return fmt.Errorf("graph: a cache of %d sequences of %d positions; want 1 or more of 1 or more", m.batch, m.capacity)
	}
	if len(m.counts) == 0 {
		for range m.batch {
			m.counts = append(m.counts, positions)
		}
	}
	// If nothing has set the length of a piece ([Scope.SetSequence]), no layer has a window.
	if len(m.counts) != m.batch || slices.Min(m.counts) < 0 || positions > 0 && slices.Max(m.counts) > positions {
		return fmt.Errorf("graph: Cache.Count of %v; want %d counts of 0 to %d positions", m.counts, m.batch, positions)
	}
	for b, p := range past {
		end := m.ends[m.first+b]
		if p == 0 {
			end = 0
		}
		if p > end && len(m.all) > 0 {
			return fmt.Errorf("graph: sequence %d continues at position %d, but has been given %d positions", b, p, end)
		}
		for _, s := range m.all {
			if end > s.rows && p < end-1 {
				return fmt.Errorf("graph: sequence %d goes back to position %d after %d, of which %s keeps the last %d: restart it at 0, or continue from a copy (Cache.Copy); declare padding with Cache.Count", b, p, end, s.name, s.rows)
			}
		}
	}
	for b, p := range past {
		end := &m.ends[m.first+b]
		if p == 0 {
			*end = 0
		}
		*end = max(*end, p+m.counts[b])
	}
	return nil
}

// Incremental builds the graph of one piece of the sequences that m remembers: tokens of shape (m.Batch(), N)
// are the N tokens that follow. The number of positions that each sequence already has is the input "past" of
// the program, of shape (B). Such graphs have no gradients, and their ops must declare that they work row by
// row: [Op.RowWise].
func Incremental(m *Cache) Option { return func(b *builder) { b.cache = m } }

// Seamless makes an incremental graph compute each position with the same bits wherever its sequence is cut
// into pieces: ops do not use faster algorithms that sum in a different order, such as one for many positions
// without a past.
func Seamless() Option { return func(b *builder) { b.seamless = true } }

// Seamless reports whether the graph was built with the option [Seamless].
func (s *Scope) Seamless() bool { return s.seamless }

// Cache returns the cache of an incremental graph, and nil in others.
func (s *Scope) Cache() *Cache { return s.cache }

// Past returns the integer input (B) of an incremental graph that holds the number of positions that each
// sequence already has. It is nil in other graphs.
func (s *Scope) Past() *G.Node {
	if s.cache == nil {
		return nil
	}
	if n := s.inputs["past"]; n != nil {
		return n
	}
	return (&Scope{builder: s.builder}).Ints("past", s.cache.batch)
}

// Remember declares something that the layer at this scope remembers, width numbers for each position. The
// returned function gives access to it during a run: (B, capacity, width), row by row. In a [Scope.Shared]
// scope, each use of a name in one graph is separate.
func (s *Scope) Remember(name string, width int) func() []float32 {
	kept, _ := s.RememberLast(name, width, 0)
	return kept
}

// RememberLast is Remember for a layer that looks back through a window of the given number of positions,
// including that of the row itself. It also returns the number of rows, which is at most the window; position t
// is in row t mod rows, and the function returns (B, rows, width). The layer must read the past positions that
// a row needs before it writes that row, in the order of the positions, and write only as many positions of a
// sequence as [Cache.Counts] says. A window of 0 means no bound.
func (s *Scope) RememberLast(name string, width, window int) (kept func() []float32, rows int) {
	m, full := s.cache, s.join(name)
	switch {
	case m == nil:
		s.Fail("Remember", tensor.ScalarShape(), "the graph of whole sequences has no cache; see graph.Incremental")
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

// Width returns how many numbers all layers together remember of a position.
func (m *Cache) Width() int {
	total := 0
	for _, s := range m.all {
		total += s.width
	}
	return total
}

// Rows returns, for each layer that remembers, the number of a sequence's last positions that it keeps.
func (m *Cache) Rows() []int {
	rows := make([]int, len(m.all))
	for i, s := range m.all {
		rows[i] = s.rows
	}
	return rows
}

// Save copies what the layers remember of a sequence's positions, beginning with position from, to page,
// [Cache.Width] numbers for each position, for [Cache.Restore]. It returns how many of these positions, counted
// from the first, each layer has lost because of its window, or nil if none are lost.
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

// Restore gives a sequence the positions that [Cache.Save] has copied; the sequence ends after them. Earlier
// positions that a window reaches back to must be restored before, in order.
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

// positions returns how many positions a page of Save has.
func (m *Cache) positions(page []float32) int {
	if width := m.Width(); width > 0 {
		return len(page) / width
	}
	return 0
}

// row returns what a layer remembers of a position of a sequence, counted in the whole cache.
func (s *store) row(sequence, position int) []float32 {
	return s.data[(sequence*s.rows+position%s.rows)*s.width:][:s.width]
}
