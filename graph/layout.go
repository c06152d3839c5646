package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Layout describes which part of a tensor this rank has in a graph that is split over ranks ([Params.Split]).
// The zero Layout is all of it, the same on every rank. Between two such tensors, a branch of a model may be
// split: its input enters it (Entered), a layer whose weight is split by columns computes different columns on
// each rank (Sections), element-wise ops and heads preserve this, and a layer whose weight is split by rows
// ends the branch, with a sum over the ranks.
type Layout struct {
	// Entered means all of the tensor, with a gradient of which each rank has a summand until ops.Enter sums
	// them.
	Entered bool
	// Sections are consecutive lengths along Axis, of each of which the rank has a part: if queries, keys and
	// values are side by side, the rank's heads of each. Nil means all.
	Sections []int
	Axis     int
}

// Cut returns the layout of a dimension whose sections are each divided among the ranks.
func Cut(axis int, sections ...int) Layout { return Layout{Sections: sections, Axis: axis} }

// Whole reports whether every rank has all of the tensor, and it does not enter a branch that is split.
func (l Layout) Whole() bool { return !l.Entered && l.Sections == nil }

// Same reports whether two layouts are the same.
func (l Layout) Same(k Layout) bool {
	return l.Entered == k.Entered && l.Axis == k.Axis && slices.Equal(l.Sections, k.Sections)
}

// Total returns the full length of the divided dimension.
func (l Layout) Total() (n int) {
	for _, section := range l.Sections {
		n += section
	}
	return n
}

// A Span is a rank's part of a dimension: from From up to but not including To.
type Span struct{ From, To int }

// Has reports whether a place is in the span.
func (s Span) Has(place int) bool { return place >= s.From && place < s.To }

// Spans returns what rank, one of size ranks, has of the dimension. If a section cannot be divided evenly, the
// first ranks have one place more.
func (l Layout) Spans(rank, size int) (all []Span) {
	at := 0
	for _, n := range l.Sections {
		all = append(all, Span{at + shared(n, rank, size), at + shared(n, rank+1, size)})
		at += n
	}
	return all
}

// shared returns where the part of a rank begins.
func shared(n, rank, size int) int { return rank*(n/size) + min(rank, n%size) }

// Length returns how many places a rank has.
func (l Layout) Length(rank, size int) (n int) {
	for _, span := range l.Spans(rank, size) {
		n += span.To - span.From
	}
	return n
}

// String describes what a rank has.
func (l Layout) String() string {
	switch {
	case l.Entered:
		return "an input of layers that are split over ranks"
	case l.Sections != nil:
		return fmt.Sprintf("a rank's part of %v", l.Sections)
	}
	return "whole"
}

// Layout returns the layout of a node. Gorgonia's own element-wise ops have the layout of their inputs.
func (s *Scope) Layout(n *G.Node) Layout {
	l, err := s.layoutOf(n)
	if err != nil && s.err == nil {
		s.fail(err, tensor.Shape{1})
	}
	return l
}

// setLayout records the layout of a node.
func (s *Scope) setLayout(n *G.Node, l Layout) {
	if !l.Whole() {
		s.layouts[n] = l
	}
}

// layoutFor returns the layout of the result of an op. Ops of gradients are not checked, since the forward ops
// have been.
func (s *Scope) layoutFor(op Op, in G.Nodes) (Layout, error) {
	switch {
	case s.err != nil || s.differentiated:
		return Layout{}, nil
	case op.Layout != nil:
		return *op.Layout, nil
	}
	return s.common(in, op.Columnwise && len(op.Extra) == 0, op.Out)
}

// layoutOf is Layout with an error if an op of Gorgonia's needs the whole of a tensor that is split.
func (b *builder) layoutOf(n *G.Node) (Layout, error) {
	if len(b.layouts) == 0 { // nothing is split
		return Layout{}, nil
	}
	if l, known := b.layouts[n]; known {
		return l, nil
	}
	if _, ours := n.Op().(*nodeOp); ours || n.Op() == nil {
		return Layout{}, nil
	}
	columnwise := false
	switch opType(n.Op()) {
	case "elemUnaryOp", "elemBinOp":
		columnwise = true
	}
	l, err := b.common(inputs(n), columnwise, n.Shape())
	if err != nil {
		return Layout{}, fmt.Errorf("%s: %w", b.placeOf(n), err)
	}
	b.layouts[n] = l
	return l, nil
}

// common returns the layout of what is computed from some nodes: theirs, if it is computed element by element.
func (b *builder) common(in G.Nodes, columnwise bool, out tensor.Shape) (Layout, error) {
	split := -1
	layouts := make([]Layout, len(in))
	for i, x := range in {
		var err error
		if layouts[i], err = b.layoutOf(x); err != nil {
			return Layout{}, err
		}
		if split < 0 && !layouts[i].Whole() {
			split = i
		}
	}
	if split < 0 {
		return Layout{}, nil
	}
	if !columnwise || !in[split].Shape().Eq(out) {
		return Layout{}, fmt.Errorf("input %d, %v, is %v: between layers that are split over ranks, only element-wise ops and ops that handle heads (graph.Op.Columnwise) are supported", split, in[split].Shape(), layouts[split])
	}
	for i, x := range in {
		constant := len(inputs(x)) == 0 && b.inputs[x.Name()] != x
		if x.Dtype() == tensor.Float32 && !(constant && x.Shape().TotalSize() == 1) && !layouts[i].Same(layouts[split]) {
			return Layout{}, fmt.Errorf("input %d is %v, input %d %v; want both the same", split, layouts[split], i, layouts[i])
		}
	}
	return layouts[split], nil
}

// checkLayouts refuses outputs that are split, and ops of Gorgonia's that need the whole of a tensor that is.
func (b *builder) checkLayouts(roots G.Nodes) error {
	if len(b.layouts) == 0 {
		return nil
	}
	for _, n := range declared(roots) {
		if _, err := b.layoutOf(n); err != nil {
			return err
		}
	}
	for _, n := range roots {
		if l, _ := b.layoutOf(n); !l.Whole() {
			return fmt.Errorf("%s: an output, or a watched value, is %v; each rank would report a different one", b.placeOf(n), l)
		}
	}
	return nil
}
