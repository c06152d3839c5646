package graph_test

import (
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
)

// TestSequence: embedding tokens (B, T) sets the sequences for the whole graph, the last call takes
// precedence, and nothing else sets them.
func TestSequence(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	layers.Embedding(s.At("a"), s.Ints("a", 2, 5), 10, 4, graph.Init{})
	layers.Embedding(s.At("b"), s.Ints("b", 3, 4), 10, 4, graph.Init{})
	if b, n := s.At("h.0.attn").Sequence(); b != 3 || n != 4 || s.Err() != nil {
		t.Errorf("(%d, %d), %v; want (3, 4)", b, n, s.Err())
	}
	for want, declare := range map[string]func(s *graph.Scope){
		"h.0: Sequence: nothing declares which sequences the rows are; embed tokens (B, T) with layers.Embedding, or call SetSequence": func(s *graph.Scope) { s.Sequence() },
		"h.0: SetSequence: 0 sequences of 3 positions; want 1 or more of 1 or more":                                                    func(s *graph.Scope) { s.SetSequence(0, 3) },
		"h.0: SetSequence: 3 sequences; want the 2 that the incremental graph remembers": func(s *graph.Scope) {
			s.Use(graph.Incremental(graph.NewCache(2, 4)))
			layers.Embedding(s, s.Ints("tokens", 3, 1), 10, 4, graph.Init{})
		},
	} {
		s := graph.New(graph.NewParams(1)).At("h.0")
		declare(s)
		if s.Err() == nil || s.Err().Error() != want {
			t.Errorf("error %v\nwant  %s", s.Err(), want)
		}
	}
}
