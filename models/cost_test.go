package models_test

import (
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/ops"
)

// TestCost: in the smallest GPT-2, a token reads all weights except the position embeddings, and its keys and
// values are two rows in each layer; an untied model does not read the whole embedding.
func TestCost(t *testing.T) {
	m := gpt2.New(50257, 1024, 768, 12, 12)
	const weights, cache = 4 * (124_439_808 - 1024*768), 4 * 2 * 12 * 1024 * 768
	for tied, model := range map[bool]models.Model{true: m, false: func() models.Model { m.Tied = false; return m }()} {
		if c, err := models.CostOf(model); err != nil || c.Weights != weights || c.Cache != cache {
			t.Errorf("tied %v: %+v, %v", tied, c, err)
		}
	}
	// With packed weights, a token reads the same fraction of each parameter, also of experts.
	experts := models.Edit(gpt2.New(64, 8, 32, 2, 2), graph.Replace("h.*.mlp", layers.Experts(layers.ExpertsConfig{Count: 8, PerToken: 2}, func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.MLP(s, x, 128, ops.GELU, layers.BranchWeights{})
	})))
	c, err := models.CostOf(experts)
	if err != nil {
		t.Fatal(err)
	}
	for width, most := range map[checkpoint.Width]float64{checkpoint.Float32: 1, checkpoint.Brain: 0.6, checkpoint.Q4_0: 0.3} {
		params, err := checkpoint.Draw(experts, 1, width)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(c.WeightsOf(params)) / float64(c.Weights); got > most || got < most/2 {
			t.Errorf("%s: a token reads %.3f of float32's bytes, want %.2f at most", width, got, most)
		}
	}
	whole := models.Edit(gpt2.New(7, 5, 4, 1, 2), graph.Before("h.0", func(s *graph.Scope, x *G.Node) *G.Node {
		return s.Node(G.Mul(x, ops.Reshape(s, s.Floats("square", 16), 4, 4)))
	}))
	if c, err := models.CostOf(whole); err != nil || c.Cache != 0 || c.Weights == 0 {
		t.Errorf("run over the whole: %+v, %v", c, err)
	}
}

// TestFLOPs: recomputed operations are not counted.
func TestFLOPs(t *testing.T) {
	m := gpt2.New(7, 5, 4, 2, 2)
	count := func(again bool) float64 {
		options, err := models.Recompute(m, again)
		if err != nil {
			t.Fatal(err)
		}
		s := graph.New(graph.NewParams(1), append(options, graph.Training())...)
		p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 1, 5), s.Ints("targets", 1, 5)))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		return models.FLOPs(p)
	}
	if once, again := count(false), count(true); once != again || once == 0 {
		t.Errorf("%v, with blocks computed again %v", once, again)
	}
}
