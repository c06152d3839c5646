package graph_test

import (
	"fmt"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// positions declares a float input with four numbers per position.
func positions(s *graph.Scope) *G.Node {
	batch, context := s.Sequence()
	return s.Floats("x", batch*context, 4)
}

// rowOp declares an op that claims to be row-wise but computes all rows at once, by run.
func rowOp(s *graph.Scope, run func(out, x []float32)) *G.Node {
	x := positions(s)
	return s.Apply(graph.Op{Name: "Mine", Out: x.Shape(), RowWise: 1, Run: func(a *graph.Args) error {
		run(a.Out(0), a.Floats(0))
		return nil
	}}, x)
}

// TestCheckPieces: functions that handle the past correctly pass.
func TestCheckPieces(t *testing.T) {
	for name, c := range map[string]struct {
		check   graph.PiecesCheck
		declare func(s *graph.Scope) *G.Node
	}{
		"an op of rows": {graph.PiecesCheck{}, func(s *graph.Scope) *G.Node { return ops.GELU(s, positions(s)) }},
		"layers with positions and windows": {graph.PiecesCheck{Sequences: 2, Positions: 30, Seed: 3}, func(s *graph.Scope) *G.Node {
			x := layers.LearnedPositions(s.At("wpe"), positions(s), 30, graph.Normal(1))
			x = layers.Attention(s.At("h.0"), x, layers.AttentionConfig{Heads: 2, Window: 3})
			return layers.Attention(s.At("h.1"), x, layers.AttentionConfig{Heads: 2})
		}},
		"tokens": {graph.PiecesCheck{Sequences: 1, Positions: 3, Ints: map[string][]int{"tokens": {1, 0, 1}}}, func(s *graph.Scope) *G.Node {
			batch, context := s.Sequence()
			return ops.Embed(s, s.Ints("tokens", batch, context), s.Param("w", graph.Normal(1), 2, 4))
		}},
	} {
		if err := graph.CheckPieces(c.check, c.declare); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckPiecesCatches: ops that wrongly declare themselves row-wise are reported, and so are functions that
// cannot be checked.
func TestCheckPiecesCatches(t *testing.T) {
	const differs = "an op depends on more than it declares (Op.RowWise), or on its place in the piece (Scope.Past)"
	for name, c := range map[string]struct {
		declare func(s *graph.Scope) *G.Node
		want    string
	}{
		"the row before": {func(s *graph.Scope) *G.Node {
			return rowOp(s, func(out, x []float32) {
				clear(out)
				copy(out[4:], x)
			})
		}, differs},
		"the row after": {func(s *graph.Scope) *G.Node {
			return rowOp(s, func(out, x []float32) {
				clear(out)
				copy(out, x[4:])
			})
		}, differs},
		"the mean": {func(s *graph.Scope) *G.Node {
			return rowOp(s, func(out, x []float32) {
				for i := range out {
					out[i] = x[i] - x[i%4]
				}
			})
		}, differs},
		"a row's number": {func(s *graph.Scope) *G.Node {
			return rowOp(s, func(out, x []float32) {
				for i := range out {
					out[i] = x[i] + float32(i/4)
				}
			})
		}, differs},
		"one that does not say": {func(s *graph.Scope) *G.Node {
			x := positions(s)
			return s.At("a").Apply(graph.Op{Name: "Mine", Out: x.Shape(), Run: func(a *graph.Args) error { return nil }}, x)
		}, "graph: CheckPieces: a: Mine: nothing says that each row of its result comes from the same row of input 0 alone"},
		"a sum":   {func(s *graph.Scope) *G.Node { return s.Node(G.Sum(positions(s))) }, "graph: CheckPieces: the function returns () for 3 sequences of 12 positions; want rows (36, …)"},
		"nothing": {func(s *graph.Scope) *G.Node { return nil }, "what the function returns is nil"},
		"no tokens": {func(s *graph.Scope) *G.Node {
			batch, context := s.Sequence()
			return ops.Embed(s, s.Ints("tokens", batch*context), s.Param("w", graph.Normal(1), 2, 4))
		}, "graph: CheckPieces: input tokens has 0 values, want 36 for shape (36) of whole sequences"},
		"an input of squares": {func(s *graph.Scope) *G.Node {
			_, context := s.Sequence()
			s.Floats("mask", context, context)
			return ops.GELU(s, positions(s))
		}, "graph: CheckPieces: input mask is (12, 12) for 12 positions and"},
	} {
		if err := graph.CheckPieces(graph.PiecesCheck{}, c.declare); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
	if err := graph.CheckPieces(graph.PiecesCheck{Positions: 1}, positions); err == nil || err.Error() != "graph: CheckPieces: 3 sequences of 1 positions, 10 runs; want 1 or more of 2 or more, 1 or more" {
		t.Error(err)
	}
}

// An op that uses the preceding row, although it declares itself row-wise.
func ExampleCheckPieces() {
	err := graph.CheckPieces(graph.PiecesCheck{}, func(s *graph.Scope) *G.Node {
		batch, context := s.Sequence()
		x := s.Floats("x", batch*context, 4)
		return s.Apply(graph.Op{Name: "Shift", Out: x.Shape(), RowWise: 1, Run: func(a *graph.Args) error {
			clear(a.Out(0)[:4])
			copy(a.Out(0)[4:], a.Floats(0))
			return nil
		}}, x)
	})
	fmt.Println(err != nil)
	// Output: true
}
