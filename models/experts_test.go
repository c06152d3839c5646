package models_test

import (
	"fmt"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
)

// ExampleEdit_experts makes eight experts of each MLP of a GPT-2, of which a token uses two.
func ExampleEdit_experts() {
	m, _ := models.Find("gpt2-nano")
	mlp := func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.MLP(s, x, 512, ops.GELU, layers.BranchWeights{})
	}
	experts := models.Edit(m, graph.Replace("h.*.mlp", layers.Experts(layers.ExpertsConfig{
		Count: 8, PerToken: 2, Balance: layers.Balance{Weight: 0.01},
	}, mlp)))
	s := graph.New(graph.NewParams(1), graph.Training())
	p, err := s.CompileGrad(models.Loss(experts, s, s.Ints("tokens", 2, 64), s.Ints("targets", 2, 64)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	total := graph.Sum(p.Nodes())
	fmt.Println(total.Params, total.Active)
	for _, n := range p.Nodes() {
		if strings.HasPrefix(n.Path, "h.0.mlp") && n.FLOPs > 1e6 && !n.Grad {
			fmt.Println(n.Path, n.Op, n.FLOPs)
		}
	}
	// Output:
	// 4498688 1337600
	// h.0.mlp.experts.c_fc Linear 33554432
	// h.0.mlp.experts.act GELU 1966080
	// h.0.mlp.experts.c_proj Linear 33554432
}

// TestExpertsIncremental: a GPT-2 with experts goes on from what it remembers.
func TestExpertsIncremental(t *testing.T) {
	m, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	mlp := func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.GatedMLP(s, x, 96, ops.SiLU, layers.BranchWeights{})
	}
	edited := models.Edit(m, graph.Replace("h.*.mlp", layers.Experts(layers.ExpertsConfig{Count: 4, PerToken: 2, Capacity: 1}, mlp)))
	tokens := make([]int, 3*12)
	for i := range tokens {
		tokens[i] = i * i % 50
	}
	err = graph.CheckPieces(graph.PiecesCheck{Ints: map[string][]int{"tokens": tokens}}, func(s *graph.Scope) *G.Node {
		batch, context := s.Sequence()
		return models.Logits(edited, s, s.Ints("tokens", batch, context))
	})
	if err != nil {
		t.Error(err)
	}
	if cost, err := models.CostOf(edited); err != nil || cost.Cache == 0 {
		t.Errorf("%+v, %v", cost, err)
	}
}
