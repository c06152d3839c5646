package layers_test

import (
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// TestOptions: what the weights of a layer start from, which it has, and of which ops it is.
func TestOptions(t *testing.T) {
	mlp := func(s *graph.Scope, x *G.Node, given ...layers.Option) *G.Node {
		return layers.MLP(s, x, 8, ops.ReLU, given...)
	}
	attention := func(s *graph.Scope, x *G.Node, given ...layers.Option) *G.Node {
		return layers.Attention(s, x, 2, 3, given...)
	}
	one, zero := layers.Init(graph.Ones()), layers.ResidualInit(graph.Zeros())
	for _, c := range []struct {
		layer func(*graph.Scope, *G.Node, ...layers.Option) *G.Node
		given []layers.Option
		first map[string]float32 // weight of each parameter
		op    string             // that only the option brings
	}{
		{mlp, []layers.Option{one}, map[string]float32{"c_fc.weight": 1, "c_fc.bias": 0, "c_proj.weight": 1, "c_proj.bias": 0}, "ReLU"},
		{mlp, []layers.Option{one, zero, layers.Bias(false)}, map[string]float32{"c_fc.weight": 1, "c_proj.weight": 0}, "ReLU"},
		{attention, []layers.Option{one}, map[string]float32{"c_attn.weight": 1, "c_attn.bias": 0, "c_proj.weight": 1, "c_proj.bias": 0}, "Attention"},
		{attention, []layers.Option{one, zero, layers.Bias(false)}, map[string]float32{"c_attn.weight": 1, "c_proj.weight": 0}, "Attention"},
		{attention, []layers.Option{one, zero, layers.Composed(true), layers.AttentionDropout(0.1)},
			map[string]float32{"c_attn.weight": 1, "c_attn.bias": 0, "c_proj.weight": 0, "c_proj.bias": 0}, "Dropout"},
		{layers.LayerNorm, nil, map[string]float32{"weight": 1, "bias": 0}, "LayerNorm"},
		{layers.LayerNorm, []layers.Option{layers.Bias(false)}, map[string]float32{"weight": 1}, "LayerNorm"},
	} {
		params := graph.NewParams(1)
		s := graph.New(params, graph.Training())
		c.layer(s, s.Floats("x", 6, 4), c.given...)
		got := params.Names()
		if len(got) != len(c.first) {
			t.Errorf("parameters %v, want %v", got, c.first)
		}
		for name, want := range c.first {
			if p := params.Get(name); p == nil || slices.ContainsFunc(p.Data(), func(v float32) bool { return v != want }) {
				t.Errorf("of %v: %s is not %g", got, name, want)
			}
		}
		if !slices.ContainsFunc(s.Nodes(), func(d graph.Node) bool { return d.Op == c.op }) {
			t.Errorf("%v: no op %s", got, c.op)
		}
	}
}

// TestEpsilon: of rows of which all elements differ from their mean by d, (x−µ)/√(d²+ε).
func TestEpsilon(t *testing.T) {
	for epsilon, want := range map[float64]float32{0: 1, 3: 0.5} {
		s := graph.New(graph.NewParams(1))
		y := layers.LayerNorm(s, s.Floats("x", 1, 2), layers.Epsilon(epsilon))
		p, err := s.Compile(y)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.SetFloats("x", []float32{4, 6}); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil || !slices.Equal(p.Value(y), []float32{-want, want}) {
			t.Errorf("ε %g: %v, %v; want ±%g", epsilon, p.Value(y), err, want)
		}
	}
}
