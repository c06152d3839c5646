package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"
)

// cut describes a rank's part of a parameter that is split.
type cut struct {
	whole        tensor.Shape
	layout       Layout
	ranks        Ranks
	spans        []Span
	inner, width int // elements per place of the dimension, and places that the rank has
}

// cutBy gives the parameter the shape of this rank's part.
func (p *Param) cutBy(l Layout, r Ranks) error {
	if l.Axis >= p.shape.Dims() || l.Total() != p.shape[l.Axis] {
		return fmt.Errorf("%s: sections %v do not add up to dimension %d of %v", p.name, l.Sections, l.Axis, p.shape)
	}
	if least := slices.Min(l.Sections); least < r.Size() {
		return fmt.Errorf("%s: a section of %d in %v cannot be divided among %d ranks", p.name, least, p.shape, r.Size())
	}
	p.cut = cutOf(p.shape, l, r, r.Rank())
	p.shape = p.cut.shape()
	return nil
}

// cutOf returns the cut of the given rank.
func cutOf(whole tensor.Shape, l Layout, r Ranks, rank int) cut {
	c := cut{whole: whole.Clone(), layout: l, ranks: r, spans: l.Spans(rank, r.Size()), inner: 1, width: l.Length(rank, r.Size())}
	for _, n := range whole[l.Axis+1:] {
		c.inner *= n
	}
	return c
}

// shape returns the shape of the part.
func (c cut) shape() tensor.Shape {
	s := c.whole.Clone()
	s[c.layout.Axis] = c.width
	return s
}

// each calls f for the rank's part of the whole's elements from at up to but not including end: n elements,
// beginning at from in the whole and at to in the part.
func (c cut) each(at, end int, f func(from, to, n int)) {
	row := c.whole[c.layout.Axis] * c.inner
	for o := at / row; o*row < end; o++ {
		to := o * c.width * c.inner
		for _, s := range c.spans {
			lo, hi := o*row+s.From*c.inner, o*row+s.To*c.inner
			if from, before := max(lo, at), min(hi, end); from < before {
				f(from, to+from-lo, before-from)
			}
			to += hi - lo
		}
	}
}

// take copies the elements of the part from some, which holds elements of the whole, beginning with element at.
func (c cut) take(part, some []float32, at int) {
	c.each(at, at+len(some), func(from, to, n int) { copy(part[to:to+n], some[from-at:]) })
}

// put copies the part into the whole.
func (c cut) put(whole, part []float32) {
	c.each(0, len(whole), func(from, to, n int) { copy(whole[from:from+n], part[to:]) })
}

// Cut reports whether this process has only a part of the parameter; see [Params.Split]. Shape, Size and all
// slices are those of the part.
func (p *Param) Cut() bool { return p.cut.ranks != nil }

// Ranks returns the ranks that the parameter is divided among, or nil if each process has all of it.
func (p *Param) Ranks() Ranks { return p.cut.ranks }

// Whole returns the shape of the whole parameter, over all ranks.
func (p *Param) Whole() tensor.Shape {
	if p.Cut() {
		return p.cut.whole.Clone()
	}
	return p.Shape()
}

// Take copies this rank's part of whole, which is laid out like the whole parameter, for example read from a
// file, to dst.
func (p *Param) Take(dst, whole []float32) error {
	if n := p.Whole().TotalSize(); len(whole) != n || len(dst) != p.Size() {
		return fmt.Errorf("%s: %d of %d numbers; want %d of the %d of shape %v", p.name, len(dst), len(whole), p.Size(), n, p.Whole())
	}
	if !p.Cut() {
		copy(dst, whole)
		return nil
	}
	p.cut.take(dst, whole, 0)
	return nil
}

// Assemble is [Param.Gather], but gives every rank the whole.
func (p *Param) Assemble(part []float32) (whole []float32, err error) {
	if !p.Cut() {
		return part, nil
	}
	whole = make([]float32, p.cut.whole.TotalSize())
	p.cut.put(whole, part)
	if err := p.cut.ranks.Sum(whole); err != nil { // with zeros, which changes nothing
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return whole, nil
}

// Gather assembles the ranks' parts of numbers that are laid out like the parameter: its weights, or its
// optimizer state. All ranks call it; only the first gets the whole, the others get nil. Without ranks, part is
// the whole.
func (p *Param) Gather(part []float32) (whole []float32, err error) {
	return p.GatherIn(new(Room), part)
}

// Room is memory for assembling whole tensors, one after the other.
type Room struct{ whole, passing []float32 }

// GatherIn is [Param.Gather] with memory that is reused: its result is valid until the next call with the same
// room.
func (p *Param) GatherIn(room *Room, part []float32) (whole []float32, err error) {
	if !p.Cut() {
		return part, nil
	}
	r, first := p.cut.ranks, p.cut.ranks.Rank() == 0
	if len(part) != p.Size() {
		return nil, fmt.Errorf("%s: %d numbers, want the %d of shape %v", p.name, len(part), p.Size(), p.shape)
	}
	if first {
		whole = sized(&room.whole, p.cut.whole.TotalSize())
		p.cut.put(whole, part)
	}
	for rank := 1; rank < r.Size(); rank++ {
		c := cutOf(p.cut.whole, p.cut.layout, r, rank)
		theirs := part
		if rank != r.Rank() {
			n := c.shape().TotalSize()
			theirs = sized(&room.passing, n)
		}
		if err := r.Give(theirs, rank); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		if first {
			c.put(whole, theirs)
		}
	}
	return whole, nil
}

// sized returns n numbers of a buffer, which it grows if necessary.
func sized(buffer *[]float32, n int) []float32 {
	if cap(*buffer) < n {
		*buffer = make([]float32, n)
	}
	return (*buffer)[:n]
}
