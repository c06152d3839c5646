package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Embedding looks tokens up in a table of its own, weight (vocab, width), and returns
// the rows (B·T, C) and the table, which a tied head uses again. It heeds Init.
func Embedding(s *graph.Scope, tokens *G.Node, vocab, width int, given ...Option) (x, table *G.Node) {
	tokens = s.Given("Embedding", "tokens", tokens)
	table = s.Param("weight", resolve(given).init, vocab, width) // (V, C)
	x = s.Layer(tokens, tensor.Shape{tokens.Shape().TotalSize(), width}, func(s *graph.Scope, tokens *G.Node) *G.Node {
		return ops.Embed(s, tokens, table) // (B·T, C)
	})
	return x, table
}

// LearnedPositions adds a learned vector for each of at most positions places to x
// (B·T, C). In an incremental graph, counting goes on from the past. It heeds Init.
func LearnedPositions(s *graph.Scope, x *G.Node, positions, context int, given ...Option) *G.Node {
	x = s.Given("LearnedPositions", "x", x)
	if x.Dims() != 2 {
		return s.Fail("LearnedPositions", x.Shape(), "x is %v; want (B·T, C)", x.Shape())
	}
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		table := s.Param("weight", resolve(given).init, positions, dim(x, 1)) // (positions, C)
		if past := s.Past(); past != nil {
			return ops.AddPositionsAt(s, x, table, past) // (B·T, C)
		}
		return ops.AddPositions(s, x, table, context) // (B·T, C)
	})
}

// SinusoidalPositions adds the fixed sines and cosines of Vaswani et al. 2017, §3.5.
func SinusoidalPositions(s *graph.Scope, x *G.Node, context int) *G.Node {
	x = s.Given("SinusoidalPositions", "x", x)
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		if past := s.Past(); past != nil {
			return ops.AddSinusoidsAt(s, x, past, s.Memory().Capacity()) // (B·T, C)
		}
		return ops.AddSinusoids(s, x, context) // (B·T, C)
	})
}
