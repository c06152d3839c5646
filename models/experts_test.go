package models_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/ops"
)

// ExampleEdit_experts replaces each MLP of a GPT-2 by eight experts, two of which process each token.
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

// TestExpertsIncremental: a GPT-2 with experts can continue from its cache.
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

// ExampleBegin_experts upcycles a GPT-2: each expert begins as a copy of the MLP, so initially the
// model computes the same.
func ExampleBegin_experts() {
	dense := gpt2.New(11, 8, 12, 2, 3)
	from := graph.NewParams(1)
	if err := models.Declare(dense, from); err != nil {
		fmt.Println(err)
	}
	mlp := func(s *graph.Scope, x *G.Node) *G.Node { return layers.MLP(s, x, 48, ops.GELU, layers.BranchWeights{}) }
	experts := models.Edit(dense, graph.Replace("h.*.mlp", layers.Experts(layers.ExpertsConfig{Count: 4, PerToken: 2}, mlp)))
	params := graph.NewParams(2)
	fmt.Println(models.Begin(experts, params, from))
	logits := func(m models.Model, params *graph.Params) []float32 {
		s := graph.New(params)
		y := models.Logits(m, s, s.Ints("tokens", 1, 5))
		p, err := s.Compile(y)
		if err != nil {
			fmt.Println(err)
			return nil
		}
		defer p.Close()
		p.SetInts("tokens", []int{3, 1, 4, 1, 5})
		if err := p.Run(); err != nil {
			fmt.Println(err)
		}
		return slices.Clone(p.Value(y))
	}
	off := 0.0
	want := logits(dense, from)
	for i, v := range logits(experts, params) {
		off = max(off, math.Abs(float64(v-want[i])))
	}
	fmt.Println(len(want), off < 1e-6, from.Count(), params.Count())
	// Output:
	// <nil>
	// 55 true 4020 11388
}

// TestUpcycleUnlike: experts whose size differs from the MLP's are initialized at random.
func TestUpcycleUnlike(t *testing.T) {
	dense := gpt2.New(11, 8, 12, 2, 3)
	from, params, drawn := graph.NewParams(1), graph.NewParams(2), graph.NewParams(2)
	mlp := func(s *graph.Scope, x *G.Node) *G.Node { return layers.MLP(s, x, 20, ops.GELU, layers.BranchWeights{}) }
	experts := models.Edit(dense, graph.Replace("h.*.mlp", layers.Experts(layers.ExpertsConfig{Count: 4, PerToken: 2}, mlp)))
	if err := errors.Join(models.Declare(dense, from), models.Declare(experts, drawn), models.Begin(experts, params, from)); err != nil {
		t.Fatal(err)
	}
	const name = "h.0.mlp.experts.c_fc.weight"
	if !slices.Equal(params.Get(name).Data(), drawn.Get(name).Data()) || !slices.Equal(params.Get("wte.weight").Data(), from.Get("wte.weight").Data()) {
		t.Error("experts of another size are not as drawn, or the rest is not as it was")
	}
}
