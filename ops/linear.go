package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Linear computes x·w + bias for x (N, K), w (K, M) and bias (M), which may be nil. The weight is stored as in
// Hugging Face's Conv1D: inputs by outputs. In a scope of groups ([graph.Scope.Grouped]) w is (E, K, M) and
// bias (E, M), and each row of x is multiplied by the matrix of its group.
func Linear(s *graph.Scope, x, w, bias *G.Node) *G.Node {
	x, w = s.Require("Linear", "x", x), s.Require("Linear", "w", w)
	if s.Groups() != nil && w.Dims() == 3 {
		return grouped(s, "Linear", x, w, bias, false)
	}
	if !isMatrix(x) || !isMatrix(w) || x.Shape()[1] != w.Shape()[0] || !isVector(bias, dim(w, 1)) {
		return s.Fail("Linear", tensor.Shape{dim(x, 0), dim(w, -1)}, "x is %v, w %v; want (N, K) and (K, M), and (M) for the bias", x.Shape(), w.Shape())
	}
	return product(s, "Linear", x, w, bias, graph.ByColumns)
}

// Dense computes x·wᵀ + bias for x (N, K), w (M, K) and bias (M), which may be nil. The weight is stored as in
// PyTorch's nn.Linear: outputs by inputs. In a scope of groups w is (E, M, K) and bias (E, M), as for [Linear].
func Dense(s *graph.Scope, x, w, bias *G.Node) *G.Node {
	x, w = s.Require("Dense", "x", x), s.Require("Dense", "w", w)
	if s.Groups() != nil && w.Dims() == 3 {
		return grouped(s, "Dense", x, w, bias, true)
	}
	if !isMatrix(x) || !isMatrix(w) || x.Shape()[1] != w.Shape()[1] || !isVector(bias, dim(w, 0)) {
		return s.Fail("Dense", tensor.Shape{dim(x, 0), dim(w, 0)}, "x is %v, w %v; want (N, K) and (M, K), and (M) for the bias", x.Shape(), w.Shape())
	}
	return product(s, "Dense", x, w, bias, graph.ByRows)
}

// Project computes x·wᵀ for x (N, C) and w (V, C): the logits (N, V) of a language model whose head is w, which
// in GPT-2 is the token embedding itself.
func Project(s *graph.Scope, x, w *G.Node) *G.Node {
	x, w = s.Require("Project", "x", x), s.Require("Project", "w", w)
	if !isMatrix(x) || !isMatrix(w) || x.Shape()[1] != w.Shape()[1] {
		return s.Fail("Project", tensor.Shape{dim(x, 0), dim(w, 0)}, "x is %v, w %v; want (N, C) and (V, C)", x.Shape(), w.Shape())
	}
	if s.Layout(w).Sections != nil { // a rank's part of the vocabulary
		return gatherColumns(s, product(s, "Project", Enter(s, x), w, nil, graph.AsTable)) // (N, V)
	}
	return product(s, "Project", x, w, nil, graph.AsTable)
}

// product declares the op called name: x·w, or x·wᵀ if w is not read by columns, plus the bias unless it is
// nil.
func product(s *graph.Scope, name string, x, w, bias *G.Node, how graph.Reading) *G.Node {
	trans := how != graph.ByColumns
	rows, from, to, ldw := x.Shape()[0], x.Shape()[1], w.Shape()[1], w.Shape()[1]
	if trans {
		to = w.Shape()[0]
	}
	l := linear{name, trans, rows, from, to, ldw}
	in, out := 0, 1
	if trans {
		in, out = 1, 0
	}
	layout, summand, fault := splitProduct(s, x, w, bias, in, out)
	if fault != "" {
		return s.Fail(name, tensor.Shape{rows, to}, "%s", fault)
	}
	adds := bias != nil && (!summand || s.Ranks().Rank() == 0) // only one of the summands includes the bias
	y := s.Apply(graph.Op{
		Name:    name,
		RowWise: 1,
		Out:     tensor.Shape{rows, to},
		FLOPs:   l.flops(),
		Reads:   []graph.Reading{0, how},
		Layout:  &layout,
		Run: func(a *graph.Args) error {
			y := a.Out(0)
			if packed := a.Packed(1, how); packed != nil {
				a.GemmPacked(rows, a.Floats(0), packed, y)
			} else {
				a.Gemm(false, trans, rows, to, from, 1, a.Floats(0), from, a.Floats(1), ldw, 0, y, to)
			}
			if adds {
				kernel.AddRow(y, a.Floats(2), rows)
			}
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			grads := G.Nodes{l.gradX(s, x.Shape(), in[1], grad), l.gradW(s, w.Shape(), in[0], grad)}
			if bias != nil {
				grads = append(grads, sumRows(s, name+"GradBias", grad))
			}
			return grads
		},
	}, some(x, w, bias)...)
	if summand {
		return SumRanks(s, y)
	}
	return y
}

// linear is a product of rows with a matrix, as its gradients need it.
type linear struct {
	name           string
	trans          bool // the matrix is (to, from)
	rows, from, to int
	ldw            int // elements of a row of the matrix
}

func (l linear) flops() int64 { return 2 * int64(l.rows) * int64(l.from) * int64(l.to) }

// gradX returns the gradient of the rows.
func (l linear) gradX(s *graph.Scope, shape tensor.Shape, w, grad *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name:  l.name + "GradX",
		Out:   shape,
		FLOPs: l.flops(),
		Run: func(a *graph.Args) error {
			kernel.GemmLike(a.Precision(), l.rows, false, !l.trans, l.rows, l.from, l.to, 1, a.Floats(1), l.to, a.Floats(0), l.ldw, 0, a.Out(0), l.from)
			return nil
		},
	}, w, grad)
}

// gradW returns the gradient of the matrix.
func (l linear) gradW(s *graph.Scope, shape tensor.Shape, x, grad *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name:        l.name + "GradW",
		Out:         shape,
		FLOPs:       l.flops(),
		Accumulates: true,
		Run: func(a *graph.Args) error {
			dw, alpha, beta := a.Accumulate(0)
			switch {
			case dw == nil:
			case l.trans:
				kernel.GemmLike(a.Precision(), l.to, true, false, l.to, l.from, l.rows, alpha, a.Floats(1), l.to, a.Floats(0), l.from, beta, dw, l.ldw)
			default:
				kernel.GemmLike(a.Precision(), l.from, true, false, l.from, l.to, l.rows, alpha, a.Floats(0), l.from, a.Floats(1), l.to, beta, dw, l.ldw)
			}
			return nil
		},
	}, x, grad)
}

// sumRows declares the op called name, the sum (C) of the rows of x (N, C).
func sumRows(s *graph.Scope, name string, x *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name:  name,
		Out:   tensor.Shape{x.Shape()[1]},
		FLOPs: size(x.Shape()),
		Run: func(a *graph.Args) error {
			kernel.SumRows(a.Out(0), a.Floats(0), x.Shape()[0])
			return nil
		},
	}, x)
}
