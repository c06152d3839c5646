package eval_test

import (
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/ops"
)

// TestExact: a model in which a token's logits depend on the number of rows, as those of experts with a limited number of
// rows do, is given each text without padding.
func TestExact(t *testing.T) {
	m := models.Edit(gpt2.New(67, 16, 24, 2, 2), graph.After("h.0.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.AddRow(s, x, ops.MeanRows(s, x, nil))
	}))
	params := graph.NewParams(1)
	s := subject(t, m, params, 16)
	ids := []int{3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 32, 38, 46, 26, 43, 38, 32, 7, 9, 50, 28, 8, 41, 9, 7, 1}
	sum := 0.0
	for _, part := range [][]int{ids[:14], ids[:17], ids[16:]} {
		got, err := s.Score(part, 1)
		if err != nil {
			t.Fatal(err)
		}
		g := graph.New(params)
		loss := models.Loss(m, g, g.Ints("tokens", 1, len(part)-1), g.Ints("targets", 1, len(part)-1))
		p, err := g.Compile(loss)
		if err != nil {
			t.Fatal(err)
		}
		p.SetInts("tokens", part[:len(part)-1])
		p.SetInts("targets", part[1:])
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		own := 0.0
		for _, x := range got {
			own -= x.LogProb
		}
		near(t, "the loss of a text", own/float64(len(got)), float64(p.Value(loss)[0]), 1e-5)
		p.Close()
		if len(part) != 14 {
			sum += own
		}
	}
	r, err := eval.Perplexity{}.IDs(t.Context(), s, ids)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "the loss of two windows", metric(t, r, "loss_per_token"), sum/float64(len(ids)-1), 1e-6)
}
