package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// AddRow adds row (C) to each row of x (N, C), like a bias.
func AddRow(s *graph.Scope, x, row *G.Node) *G.Node {
	return broadcast{name: "AddRow", v: "row"}.apply(s, x, row)
}

// MulRow multiplies each row of x (N, C) by row (C), element by element, like a gain.
func MulRow(s *graph.Scope, x, row *G.Node) *G.Node {
	return broadcast{name: "MulRow", v: "row", mul: true}.apply(s, x, row)
}

// AddColumn adds element n of column (N) to every element of row n of x (N, C).
func AddColumn(s *graph.Scope, x, column *G.Node) *G.Node {
	return broadcast{name: "AddColumn", v: "column", down: true}.apply(s, x, column)
}

// MulColumn multiplies row n of x (N, C) by element n of column (N).
func MulColumn(s *graph.Scope, x, column *G.Node) *G.Node {
	return broadcast{name: "MulColumn", v: "column", down: true, mul: true}.apply(s, x, column)
}

// broadcast is an op of a matrix and a vector v, which is a row, or a column if down is set.
type broadcast struct {
	name, v   string
	down, mul bool
}

func (b broadcast) apply(s *graph.Scope, x, v *G.Node) *G.Node {
	x, v = s.Require(b.name, "x", x), s.Require(b.name, b.v, v)
	axis, rowWise := 1, 1
	if b.down {
		axis, rowWise = 0, 2
	}
	if !isMatrix(x) || !isVector(v, x.Shape()[axis]) {
		return s.Fail(b.name, x.Shape(), "x is %v, the %s %v; want (N, C) and (%s)", x.Shape(), b.v, v.Shape(), []string{"N", "C"}[axis])
	}
	rows, width := x.Shape()[0], x.Shape()[1]
	return s.Apply(graph.Op{
		Name:    b.name,
		RowWise: rowWise,
		Out:     x.Shape(),
		FLOPs:   size(x.Shape()),
		Run: func(a *graph.Args) error {
			x, v, out := a.Floats(0), a.Floats(1), a.Out(0)
			a.For(rows, grain(width), func(lo, hi int) {
				for r := lo; r < hi; r++ {
					b.row(out[r*width:][:width], x[r*width:][:width], v, r)
				}
			})
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			if !b.mul {
				return G.Nodes{grad, b.sum(s, grad)}
			}
			return G.Nodes{b.apply(s, grad, in[1]), b.sum(s, Mul(s, grad, in[0]))}
		},
	}, x, v)
}

// row computes row r of the result.
func (b broadcast) row(out, x, v []float32, r int) {
	switch {
	case b.down && b.mul:
		kernel.Scale(out, x, v[r])
	case b.down:
		for i, e := range x {
			out[i] = e + v[r]
		}
	case b.mul:
		kernel.Mul(out, x, v)
	default:
		kernel.Add(out, x, v)
	}
}

// sum returns the gradient of the vector: the sum of x (N, C) over the axis that the vector was broadcast
// along.
func (b broadcast) sum(s *graph.Scope, x *G.Node) *G.Node {
	if !b.down {
		return sumRows(s, b.name+"GradRow", x)
	}
	rows, width := x.Shape()[0], x.Shape()[1]
	return s.Apply(graph.Op{
		Name:  b.name + "GradColumn",
		Out:   tensor.Shape{rows},
		FLOPs: size(x.Shape()),
		Run: func(a *graph.Args) error {
			x, out := a.Floats(0), a.Out(0)
			a.For(rows, grain(width), func(lo, hi int) {
				for r := lo; r < hi; r++ {
					sum := 0.0
					for _, v := range x[r*width:][:width] {
						sum += float64(v)
					}
					out[r] = float32(sum)
				}
			})
			return nil
		},
	}, x)
}
