package layers_test

import (
	"math"
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

// TestDefaults: a weight is of N(0, 0.02), or else as Init says.
func TestDefaults(t *testing.T) {
	for want, given := range map[float64][]layers.Option{0.02: nil, 0.5: {layers.Init(graph.Normal(0.5))}} {
		params := graph.NewParams(1)
		s := graph.New(params)
		x, _ := layers.Embedding(s.At("wte"), s.Ints("tokens", 1, 3), 100, 100, given...)
		layers.LearnedPositions(s.At("wpe"), x, 100, 3, given...)
		layers.MLP(s.At("mlp"), x, 100, ops.ReLU, given...)
		layers.Attention(s.At("attn"), x, 2, 3, given...)
		layers.Head(s.At("head"), x, 100, given...)
		layers.Classifier(s.At("classifier"), x, 100, 1, 0, given...)
		for _, p := range params.All() {
			if !p.Decay() {
				continue
			}
			var squares float64
			for _, v := range p.Data() {
				squares += float64(v) * float64(v)
			}
			if got := math.Sqrt(squares / float64(p.Size())); math.Abs(got/want-1) > 0.03 { // of 10,000
				t.Errorf("%s: a deviation of %.4f, want %g", p.Name(), got, want)
			}
		}
	}
}

// TestEpsilon: of rows of which all elements differ from their mean by d, (x−µ)/√(d²+ε).
func TestEpsilon(t *testing.T) {
	for _, c := range []struct {
		given []layers.Option
		d     float32
		want  float32
	}{
		{[]layers.Option{layers.Epsilon(0)}, 1, 1}, {[]layers.Option{layers.Epsilon(3)}, 1, 0.5},
		{nil, float32(math.Sqrt(1e-5)), float32(math.Sqrt(0.5))}, // ε is 1e-5
	} {
		s := graph.New(graph.NewParams(1))
		y := layers.LayerNorm(s, s.Floats("x", 1, 2), c.given...)
		p, err := s.Compile(y)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.SetFloats("x", []float32{-c.d, c.d}); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil || math.Abs(float64(p.Value(y)[1]-c.want)) > 1e-6 || p.Value(y)[0] != -p.Value(y)[1] {
			t.Errorf("±%g becomes %v, %v; want ±%g", c.d, p.Value(y), err, c.want)
		}
	}
}
