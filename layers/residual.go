package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Residual adds a branch to the stream x it came from, after dropping elements of
// the branch with the given probability in training graphs.
func Residual(s *graph.Scope, x, branch *G.Node, dropout float64) *G.Node {
	return ops.Add(s, x, ops.Dropout(s, branch, dropout))
}
