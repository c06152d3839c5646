package ops

import (
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// Columns returns count columns of x (N, C), beginning with column first, as a matrix of their own. If these
// are all columns of x, it is x itself.
func Columns(s *graph.Scope, x *G.Node, first, count int) *G.Node {
	x = s.Require("Columns", "x", x)
	if !isMatrix(x) || first < 0 || count < 1 || first+count > x.Shape()[1] {
		return s.Fail("Columns", tensor.Shape{dim(x, 0), count}, "x is %v; want (N, C) with %d columns from column %d", x.Shape(), count, first)
	}
	if count == x.Shape()[1] {
		return x
	}
	layout, ok := columnsOf(s, x, first, count)
	if !ok {
		return s.Fail("Columns", tensor.Shape{dim(x, 0), count}, "x, %v, is %v; %d columns from column %d are not one of its sections", x.Shape(), s.Layout(x), count, first)
	}
	return moveColumns(s, "Columns", []*G.Node{x}, count, []int{-first}, layout)
}

// columnsOf returns the layout of some columns of x, and whether they have one: columns of a rank's part must
// be whole sections.
func columnsOf(s *graph.Scope, x *G.Node, first, count int) (l graph.Layout, ok bool) {
	l = s.Layout(x)
	if l.Whole() {
		return l, true
	}
	var sections []int
	at := 0
	for i, span := range l.Spans(s.Ranks().Rank(), s.Ranks().Size()) {
		if at >= first && at < first+count {
			sections = append(sections, l.Sections[i])
		}
		if at == first {
			ok = true
		}
		at += span.To - span.From
	}
	part := graph.Cut(1, sections...)
	return part, ok && part.Length(s.Ranks().Rank(), s.Ranks().Size()) == count
}

// Concat returns the columns of the matrices xs (N, ·) side by side.
func Concat(s *graph.Scope, xs ...*G.Node) *G.Node {
	if len(xs) == 0 {
		return s.Fail("Concat", tensor.Shape{1, 1}, "no matrices; want 1 or more")
	}
	xs = slices.Clone(xs) // the caller may change its slice before the op runs
	width := 0
	var first []int
	for i, x := range xs {
		xs[i] = s.Require("Concat", "a matrix", x)
		if !isMatrix(xs[i]) || xs[i].Shape()[0] != dim(xs[0], 0) {
			return s.Fail("Concat", xs[0].Shape(), "matrix %d is %v; want (%d, columns) as the first has", i, xs[i].Shape(), dim(xs[0], 0))
		}
		first = append(first, width)
		width += xs[i].Shape()[1]
	}
	for i, x := range xs {
		if l := s.Layout(x); !l.Whole() {
			return s.Fail("Concat", tensor.Shape{dim(xs[0], 0), width}, "matrix %d, %v, is %v; want all of it", i, x.Shape(), l)
		}
	}
	return moveColumns(s, "Concat", xs, width, first, graph.Layout{})
}

// moveColumns makes a matrix of width columns from those of xs: column 0 of xs[i] becomes column first[i].
// Columns that fall outside of the result are left out; columns of the result that nothing falls on are 0.
func moveColumns(s *graph.Scope, name string, xs G.Nodes, width int, first []int, l graph.Layout) *G.Node {
	rows := xs[0].Shape()[0]
	return s.Apply(graph.Op{
		Name:    name,
		RowWise: len(xs),
		Out:     tensor.Shape{rows, width},
		Layout:  &l,
		Run: func(a *graph.Args) error {
			out := a.Out(0)
			a.For(rows, grain(width), func(lo, hi int) {
				clear(out[lo*width : hi*width])
				for i, x := range xs {
					from, to, n := max(-first[i], 0), max(first[i], 0), x.Shape()[1]
					count := min(n-from, width-to)
					for r := lo; r < hi; r++ {
						copy(out[r*width+to:][:count], a.Floats(i)[r*n+from:])
					}
				}
			})
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) (grads G.Nodes) {
			for i, x := range xs {
				grads = append(grads, moveColumns(s, name+"Grad", G.Nodes{grad}, x.Shape()[1], []int{-first[i]}, graph.Layout{}))
			}
			return grads
		},
	}, xs...)
}
