package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// TiedHead returns the logits (B·T, V) of x (B·T, C) on the token embedding (V, C).
func TiedHead(s *graph.Scope, x, embedding *G.Node) *G.Node {
	return ops.Project(s, x, embedding)
}

// TiedLoss is the mean cross-entropy of TiedHead's logits against targets, without
// holding the logits of more than a few rows.
func TiedLoss(s *graph.Scope, x, embedding, targets *G.Node) *G.Node {
	return ops.LinearCrossEntropy(s, x, embedding, targets)
}

// Head is TiedHead with a weight (V, C) of its own. It heeds Init.
func Head(s *graph.Scope, x *G.Node, vocab int, given ...Option) *G.Node {
	return ops.Project(s, x, headWeight(s, x, vocab, given))
}

// HeadLoss is TiedLoss with a weight (V, C) of its own. It heeds Init.
func HeadLoss(s *graph.Scope, x, targets *G.Node, vocab int, given ...Option) *G.Node {
	return ops.LinearCrossEntropy(s, x, headWeight(s, x, vocab, given), targets)
}

func headWeight(s *graph.Scope, x *G.Node, vocab int, given []Option) *G.Node {
	width := 1
	if x.Dims() == 2 {
		width = x.Shape()[1]
	}
	return s.Param("weight", resolve(given).init, vocab, width)
}
