package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Gate multiplies x (N, C) by one learned number, the parameter weight (1), which starts from init. x may be a
// branch, the residual stream, or a skip connection to a later block, as in modded-nanogpt.
func Gate(s *graph.Scope, x *G.Node, init graph.Init) *G.Node {
	x = s.Require("Gate", "x", x)
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.Gate(s, x, s.Param("weight", init.Or(graph.Ones()), 1)) // (N, C)
	})
}

// Residual adds a branch to the residual stream x that it came from, after dropping elements of the branch with
// the given probability in training graphs. To edits it is the layer "residual" of its scope, with the branch
// as input.
func Residual(s *graph.Scope, x, branch *G.Node, dropout float64) *G.Node {
	x, branch = s.Require("Residual", "x", x), s.Require("Residual", "branch", branch)
	// The nodes stay in the branch's scope; only edits see the sum under a path of its own.
	return s.At("residual").Layer(branch, x.Shape(), func(_ *graph.Scope, branch *G.Node) *G.Node {
		return ops.Add(s, x, ops.Dropout(s, branch, dropout))
	})
}
