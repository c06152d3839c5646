package eval_test

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// broken is a model that cannot be compiled.
type broken struct{}

func (broken) GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node {
	return s.At("core").Fail("Broken", []int{rows.Shape()[0], 257}, "no such model")
}

func (broken) Loss(s *graph.Scope, tokens, targets *G.Node) *G.Node {
	return s.At("core").Fail("Broken", nil, "no such model")
}
