package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Embedding looks up tokens in its table, weight (vocab, width), and returns the rows (B·T, C) and the table,
// which a tied head uses again. If tokens is (B, T), it tells the graph which sequences the rows are from there
// on; see [graph.Scope.Sequence]. The table starts from init, or from N(0, 0.02) if that is the zero Init.
//
// In a model that is split over ranks, each rank holds a part of the vocabulary, which need not divide evenly,
// and the rows are summed over the ranks. Tables of positions are whole on each rank: they are small, and their
// gradient is available on each rank anyway.
func Embedding(s *graph.Scope, tokens *G.Node, vocab, width int, init graph.Init) (x, table *G.Node) {
	tokens = s.Require("Embedding", "tokens", tokens)
	if tokens.Dims() == 2 {
		s.SetSequence(tokens.Shape()[0], tokens.Shape()[1])
	}
	table = s.CutParam("weight", first(init), graph.Cut(0, vocab), vocab, width) // (V, C)
	x = s.Layer(tokens, tensor.Shape{tokens.Shape().TotalSize(), width}, func(s *graph.Scope, tokens *G.Node) *G.Node {
		return ops.Embed(s, tokens, table) // (B·T, C)
	})
	return x, table
}

// LearnedPositions adds a learned vector for each position to x (B·T, C), from a table of positions rows. In an
// incremental graph, positions are counted on from the past. The table starts like that of [Embedding].
func LearnedPositions(s *graph.Scope, x *G.Node, positions int, init graph.Init) *G.Node {
	x = s.Require("LearnedPositions", "x", x)
	if x.Dims() != 2 {
		return s.Fail("LearnedPositions", x.Shape(), "x is %v; want (B·T, C)", x.Shape())
	}
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		table := s.Param("weight", first(init), positions, dim(x, 1)) // (positions, C)
		return ops.AddPositions(s, x, table)                          // (B·T, C)
	})
}

// SinusoidalPositions adds the fixed sines and cosines of Vaswani et al. 2017, §3.5.
func SinusoidalPositions(s *graph.Scope, x *G.Node) *G.Node {
	x = s.Require("SinusoidalPositions", "x", x)
	return s.Layer(x, x.Shape(), ops.AddSinusoids) // (B·T, C)
}
