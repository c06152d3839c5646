package models_test

import (
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
)

// strange is a model whose Body returns something else than a model should.
type strange struct {
	Vocab int  `json:"vocab_size"`
	Tied  bool `json:"tie_word_embeddings"`

	body func(s *graph.Scope, x, embedding *G.Node) (*G.Node, *G.Node)
}

func (m strange) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	return m.body(s, layers.RMSNorm(s.At("norm"), s.Floats("x", 6, 4), layers.RMS{}), s.Param("wte", graph.Ones(), 11, 4))
}

// TestStrangeBody: it is an error if the head's weight does not have a row for each token of the vocabulary, or
// if the states are not those of the tokens. If the head is tied, a layer of the body may have the head's name.
func TestStrangeBody(t *testing.T) {
	dense := func(s *graph.Scope, x, w *G.Node) (*G.Node, *G.Node) {
		return layers.Dense(s.At("lm_head"), x, 4, layers.Weights{NoBias: true}), w
	}
	for _, c := range []struct {
		tied bool
		body func(s *graph.Scope, x, w *G.Node) (*G.Node, *G.Node)
		want string
	}{
		{true, dense, ""},
		{false, dense, "lm_head: the head's weight lm_head.weight is (4, 4); want (V, C) with a V of 11"},
		{true, func(s *graph.Scope, x, w *G.Node) (*G.Node, *G.Node) { return x, s.Param("wpe", graph.Ones(), 8, 4) },
			"models_test: the head's weight wpe is (8, 4); want (V, C) with a V of 11"},
		{true, func(s *graph.Scope, x, w *G.Node) (*G.Node, *G.Node) { return w, x },
			"models_test: Body returns (11, 4); want (B·T, C) of 6 rows for tokens (2, 3)"},
	} {
		s := graph.New(graph.NewParams(1))
		models.Logits(strange{11, c.tied, c.body}, s, s.Ints("tokens", 2, 3))
		if err := s.Err(); (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", err, c.want)
		}
	}
}
