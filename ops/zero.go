package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Zero returns zeros of x's shape, whatever x is, and a gradient of zero. As an edit it takes a branch out of a
// block, which is called zero ablation: after graph.Replace("h.2.attn", ops.Zero) the residual stream passes
// block 2's attention unchanged. graph.Remove("h.2.attn") differs: it adds the branch's input to the stream.
func Zero(s *graph.Scope, x *G.Node) *G.Node {
	x = s.Require("Zero", "x", x)
	return s.Apply(graph.Op{
		Name:       "Zero",
		RowWise:    1,
		Columnwise: true,
		Out:        x.Shape(),
		Run: func(a *graph.Args) error {
			clear(a.Out(0))
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{Zero(s, grad)} },
	}, x)
}
