package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// TopK returns the columns (N, K) of the k largest elements of each row of scores (N, E), the largest first, as
// whole numbers. Of equal elements the lower column comes first. Picks are constants for differentiation.
func TopK(s *graph.Scope, scores *G.Node, k int) *G.Node {
	scores = s.Require("TopK", "scores", scores)
	if !isMatrix(scores) || k < 1 || k > scores.Shape()[1] {
		return s.Fail("TopK", tensor.Shape{dim(scores, 0), max(k, 1)}, "the %d largest of scores %v; want (N, E) with an E of at least that number", k, scores.Shape())
	}
	rows, width := scores.Shape()[0], scores.Shape()[1]
	return s.Apply(graph.Op{
		Name:     "TopK",
		RowWise:  1,
		Out:      tensor.Shape{rows, k},
		FLOPs:    size(scores.Shape()) * int64(k),
		Detached: true,
		Run: func(a *graph.Args) error {
			x, out := a.Floats(0), a.Out(0)
			a.For(rows, grain(width*k), func(lo, hi int) {
				for r := lo; r < hi; r++ {
					pickLargest(out[r*k:][:k], x[r*width:][:width])
				}
			})
			return nil
		},
	}, scores)
}

// pickLargest fills picks with the columns of the largest elements of a row.
func pickLargest(picks, row []float32) {
	for j := range picks {
		best := -1
		for e, v := range row {
			if (best < 0 || v > row[best]) && !holds(picks[:j], e) {
				best = e
			}
		}
		picks[j] = float32(best)
	}
}

// holds reports whether a column is among the picks.
func holds(picks []float32, column int) bool {
	for _, p := range picks {
		if int(p) == column {
			return true
		}
	}
	return false
}

// TakeColumns returns, for each row of x (N, E), the elements in the columns that the row of picks (N, K)
// names, as from [TopK]. For a negative pick the result is 0.
func TakeColumns(s *graph.Scope, x, picks *G.Node) *G.Node {
	x, picks = s.Require("TakeColumns", "x", x), s.Require("TakeColumns", "picks", picks)
	if !isMatrix(x) || !isMatrix(picks) || x.Shape()[0] != picks.Shape()[0] {
		return s.Fail("TakeColumns", tensor.Shape{dim(x, 0), dim(picks, 1)}, "x is %v, picks %v; want (N, E) and (N, K)", x.Shape(), picks.Shape())
	}
	width, k := x.Shape()[1], picks.Shape()[1]
	each := func(picks []float32, f func(pick, column int)) {
		for i, p := range picks {
			if p >= 0 {
				f(i, i/k*width+int(p))
			}
		}
	}
	return s.Apply(graph.Op{
		Name:    "TakeColumns",
		RowWise: 2,
		Out:     picks.Shape(),
		Run: func(a *graph.Args) error {
			x, out := a.Floats(0), a.Out(0)
			clear(out)
			each(a.Floats(1), func(pick, column int) { out[pick] = x[column] })
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name:  "TakeColumnsGrad",
				Out:   x.Shape(),
				FLOPs: size(picks.Shape()),
				Run: func(a *graph.Args) error {
					dx, dy := a.Out(0), a.Floats(1)
					clear(dx)
					each(a.Floats(0), func(pick, column int) { dx[column] += dy[pick] })
					return nil
				},
			}, in[1], grad), zerosLike(s, in[1])}
		},
	}, x, picks)
}

// Shares divides each element of x (N, K) by the sum of its row plus 1e-20.
func Shares(s *graph.Scope, x *G.Node) *G.Node {
	x = s.Require("Shares", "x", x)
	if !isMatrix(x) {
		return s.Fail("Shares", x.Shape(), "x is %v; want (N, K)", x.Shape())
	}
	k := x.Shape()[1]
	sum := func(row []float32) (sum float32) {
		for _, v := range row {
			sum += v
		}
		return sum + 1e-20
	}
	gradient := func(in G.Nodes, out, grad *G.Node) G.Nodes {
		return G.Nodes{s.Apply(graph.Op{
			Name:  "SharesGrad",
			Out:   x.Shape(),
			FLOPs: 5 * size(x.Shape()),
			Run: func(a *graph.Args) error {
				dx, x, y, dy := a.Out(0), a.Floats(0), a.Floats(1), a.Floats(2)
				for r := 0; r < len(x); r += k {
					mean, total := float32(0), sum(x[r:][:k])
					for i := r; i < r+k; i++ {
						mean += y[i] * dy[i]
					}
					for i := r; i < r+k; i++ {
						dx[i] = (dy[i] - mean) / total
					}
				}
				return nil
			},
		}, in[0], out, grad)}
	}
	return ofRows(s, graph.Op{Name: "Shares", FLOPs: 2, Grad: gradient}, x, func(out, x []float32) {
		for r := 0; r < len(x); r += k {
			total := sum(x[r:][:k])
			for i, v := range x[r:][:k] {
				out[r+i] = v / total
			}
		}
	})
}
