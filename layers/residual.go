package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Residual adds a branch to the stream x it came from, after dropping elements of
// the branch with the given probability in training graphs. For edits, it is the layer
// "residual" of its scope, and the branch its input.
func Residual(s *graph.Scope, x, branch *G.Node, dropout float64) *G.Node {
	x, branch = s.Require("Residual", "x", x), s.Require("Residual", "branch", branch)
	// The nodes stay in the branch's scope; only edits know the sum by a path of its own.
	return s.At("residual").Layer(branch, x.Shape(), func(_ *graph.Scope, branch *G.Node) *G.Node {
		return ops.Add(s, x, ops.Dropout(s, branch, dropout))
	})
}
