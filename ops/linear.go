package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Linear computes x·w + bias for x (N, K), w (K, M) and bias (M), which may be nil.
// The weight lies as in Hugging Face's Conv1D: inputs by outputs.
func Linear(s *graph.Scope, x, w, bias *G.Node) *G.Node {
	x, w = s.Given("Linear", "x", x), s.Given("Linear", "w", w)
	if !isMatrix(x) || !isMatrix(w) || x.Shape()[1] != w.Shape()[0] || !isVector(bias, dim(w, 1)) {
		return s.Fail("Linear", tensor.Shape{dim(x, 0), dim(w, -1)}, "x is %v, w %v; want (N, K) and (K, M), and (M) for the bias", x.Shape(), w.Shape())
	}
	rows, from, to := x.Shape()[0], x.Shape()[1], w.Shape()[1]
	products := 2 * int64(rows) * int64(from) * int64(to)
	return s.Apply(graph.Op{
		Name:    "Linear",
		RowWise: 1,
		Out:     tensor.Shape{rows, to},
		FLOPs:   products,
		Run: func(a *graph.Args) error {
			y := a.Out(0)
			kernel.Gemm(false, false, rows, to, from, 1, a.Floats(0), from, a.Floats(1), to, 0, y, to)
			if bias != nil {
				kernel.AddRow(y, a.Floats(2), rows)
			}
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			grads := G.Nodes{
				s.Apply(graph.Op{
					Name:  "LinearGradX",
					Out:   x.Shape(),
					FLOPs: products,
					Run: func(a *graph.Args) error {
						kernel.Gemm(false, true, rows, from, to, 1, a.Floats(1), to, a.Floats(0), to, 0, a.Out(0), from)
						return nil
					},
				}, in[1], grad),
				s.Apply(graph.Op{
					Name:  "LinearGradW",
					Out:   w.Shape(),
					FLOPs: products,
					Sums:  true,
					Run: func(a *graph.Args) error {
						if dw, alpha, beta := a.Sum(0); dw != nil {
							kernel.Gemm(true, false, from, to, rows, alpha, a.Floats(0), from, a.Floats(1), to, beta, dw, to)
						}
						return nil
					},
				}, in[0], grad),
			}
			if bias != nil {
				grads = append(grads, s.Apply(graph.Op{
					Name:  "LinearGradBias",
					Out:   bias.Shape(),
					FLOPs: int64(rows) * int64(to),
					Run: func(a *graph.Args) error {
						kernel.SumRows(a.Out(0), a.Floats(0), rows)
						return nil
					},
				}, grad))
			}
			return grads
		},
	}, some(x, w, bias)...)
}
