package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"
)

// cut is what a rank has of a parameter that is split.
type cut struct {
	whole        tensor.Shape
	layout       Layout
	ranks        Ranks
	spans        []Span
	inner, width int // elements of one place of the dimension, and places of the rank
}

// cutBy gives the parameter the shape of this rank's part.
func (p *Param) cutBy(l Layout, r Ranks) error {
	if l.Axis >= p.shape.Dims() || l.Total() != p.shape[l.Axis] {
		return fmt.Errorf("%s: sections %v do not make up dimension %d of %v", p.name, l.Sections, l.Axis, p.shape)
	}
	if least := slices.Min(l.Sections); least < r.Size() {
		return fmt.Errorf("%s: %d of %v cannot be shared out among %d ranks", p.name, least, p.shape, r.Size())
	}
	p.cut = cutOf(p.shape, l, r, r.Rank())
	p.shape = p.cut.shape()
	return nil
}

// cutOf is what the given rank has.
func cutOf(whole tensor.Shape, l Layout, r Ranks, rank int) cut {
	c := cut{whole: whole.Clone(), layout: l, ranks: r, spans: l.Spans(rank, r.Size()), inner: 1, width: l.Length(rank, r.Size())}
	for _, n := range whole[l.Axis+1:] {
		c.inner *= n
	}
	return c
}

// shape is that of the part.
func (c cut) shape() tensor.Shape {
	s := c.whole.Clone()
	s[c.layout.Axis] = c.width
	return s
}

// each calls f for what of the whole's elements from at to before end the rank has: n of them, from in the whole and to in the
// part.
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

// take copies from some of the whole's elements, from at on, those of the part.
func (c cut) take(part, some []float32, at int) {
	c.each(at, at+len(some), func(from, to, n int) { copy(part[to:to+n], some[from-at:]) })
}

// put copies the part into the whole.
func (c cut) put(whole, part []float32) {
	c.each(0, len(whole), func(from, to, n int) { copy(whole[from:from+n], part[to:]) })
}

// Cut tells whether this process has but a part of the parameter: [Params.Split]. Shape, Size and all slices are those of the part.
func (p *Param) Cut() bool { return p.cut.ranks != nil }

// Ranks are those that share out the parameter, nil if each process has all.
func (p *Param) Ranks() Ranks { return p.cut.ranks }

// Whole is the shape of the whole parameter, of all ranks.
func (p *Param) Whole() tensor.Shape {
	if p.Cut() {
		return p.cut.whole.Clone()
	}
	return p.Shape()
}

// Take copies this rank's part of numbers that lie as the whole parameter, such as out of a file, into dst.
func (p *Param) Take(dst, whole []float32) error {
	if n := p.Whole().TotalSize(); len(whole) != n || len(dst) != p.Size() {
		return fmt.Errorf("%s: %d numbers of %d; want %d of the %d of shape %v", p.name, len(dst), len(whole), p.Size(), n, p.Whole())
	}
	if !p.Cut() {
		copy(dst, whole)
		return nil
	}
	p.cut.take(dst, whole, 0)
	return nil
}

// Assemble is [Param.Gather] that gives every rank the whole.
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

// Gather puts together what the ranks have of numbers that lie as the parameter: its weights, or what an optimizer keeps of it. All ranks call
// it; the first alone gets the whole, the others nil. Without ranks part is the whole.
func (p *Param) Gather(part []float32) (whole []float32, err error) {
	return p.GatherIn(new(Room), part)
}

// Room is memory that whole tensors are put together in, one after the other.
type Room struct{ whole, passing []float32 }

// GatherIn is [Param.Gather] of many, one after the other: what it returns is valid until the next call with the room.
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

// sized is n numbers of a buffer, which grows.
func sized(buffer *[]float32, n int) []float32 {
	if cap(*buffer) < n {
		*buffer = make([]float32, n)
	}
	return (*buffer)[:n]
}
