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

// TestOptions: settings determine which parameters a layer has, how they are initialized, and which ops it consists of.
func TestOptions(t *testing.T) {
	type layer = func(s *graph.Scope, x *G.Node) *G.Node
	mlp := func(w layers.BranchWeights) layer {
		return func(s *graph.Scope, x *G.Node) *G.Node { return layers.MLP(s, x, 8, ops.ReLU, w) }
	}
	attention := func(c layers.AttentionConfig, w layers.BranchWeights) layer {
		c.Heads, c.Weights = 2, w
		return func(s *graph.Scope, x *G.Node) *G.Node { return layers.Attention(s, x, c) }
	}
	norm := func(n layers.Norm) layer {
		return func(s *graph.Scope, x *G.Node) *G.Node { return layers.LayerNorm(s, x, n) }
	}
	one := layers.BranchWeights{Init: graph.Ones()}
	zero := layers.BranchWeights{Init: graph.Ones(), ResidualInit: graph.Zeros()}
	bare := layers.BranchWeights{Init: graph.Ones(), ResidualInit: graph.Zeros(), NoBias: true}
	for _, c := range []struct {
		layer layer
		first map[string]float32 // the first element of each parameter
		op    string             // that only this setting adds
	}{
		{mlp(one), map[string]float32{"c_fc.weight": 1, "c_fc.bias": 0, "c_proj.weight": 1, "c_proj.bias": 0}, "ReLU"},
		{mlp(bare), map[string]float32{"c_fc.weight": 1, "c_proj.weight": 0}, "ReLU"},
		{attention(layers.AttentionConfig{}, one), map[string]float32{"c_attn.weight": 1, "c_attn.bias": 0, "c_proj.weight": 1, "c_proj.bias": 0}, "Attention"},
		{attention(layers.AttentionConfig{}, bare), map[string]float32{"c_attn.weight": 1, "c_proj.weight": 0}, "Attention"},
		{attention(layers.AttentionConfig{Composed: true, Dropout: 0.1}, zero),
			map[string]float32{"c_attn.weight": 1, "c_attn.bias": 0, "c_proj.weight": 0, "c_proj.bias": 0}, "Dropout"},
		{attention(layers.AttentionConfig{Separate: true}, zero), map[string]float32{"q_proj.weight": 1, "q_proj.bias": 0, "k_proj.weight": 1,
			"k_proj.bias": 0, "v_proj.weight": 1, "v_proj.bias": 0, "o_proj.weight": 0, "o_proj.bias": 0}, "Dense"},
		{func(s *graph.Scope, x *G.Node) *G.Node { return layers.GatedMLP(s, x, 8, ops.SiLU, bare) },
			map[string]float32{"gate_proj.weight": 1, "up_proj.weight": 1, "down_proj.weight": 0}, "Mul"},
		{func(s *graph.Scope, x *G.Node) *G.Node { return layers.RMSNorm(s, x, layers.RMS{}) }, map[string]float32{"weight": 1}, "RMSNorm"},
		{norm(layers.Norm{}), map[string]float32{"weight": 1, "bias": 0}, "LayerNorm"},
		{norm(layers.Norm{NoBias: true}), map[string]float32{"weight": 1}, "LayerNorm"},
	} {
		params := graph.NewParams(1)
		s := graph.New(params, graph.Training())
		s.SetSequence(2, 3)
		c.layer(s, s.Floats("x", 6, 4))
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

// TestDefaults: weights are initialized from N(0, 0.02) unless Init says otherwise.
func TestDefaults(t *testing.T) {
	for want, init := range map[float64]graph.Init{0.02: {}, 0.5: graph.Normal(0.5)} {
		params := graph.NewParams(1)
		s := graph.New(params)
		x, _ := layers.Embedding(s.At("wte"), s.Ints("tokens", 1, 3), 100, 100, init)
		layers.LearnedPositions(s.At("wpe"), x, 100, init)
		layers.MLP(s.At("mlp"), x, 100, ops.ReLU, layers.BranchWeights{Init: init})
		layers.Attention(s.At("attn"), x, layers.AttentionConfig{Heads: 2, Weights: layers.BranchWeights{Init: init}})
		layers.Head(s.At("head"), x, 100, init)
		layers.Classifier(s.At("classifier"), x, 100, 1, 0, layers.Weights{Init: init})
		for _, p := range params.All() {
			if !p.Decay() {
				continue
			}
			var squares float64
			for _, v := range p.Data() {
				squares += float64(v) * float64(v)
			}
			if got := math.Sqrt(squares / float64(p.Size())); math.Abs(got/want-1) > 0.03 { // of 10,000 weights
				t.Errorf("%s: a deviation of %.4f, want %g", p.Name(), got, want)
			}
		}
	}
}

// TestEpsilon: a row whose elements all differ from their mean by d becomes ±d/√(d²+ε).
func TestEpsilon(t *testing.T) {
	for _, c := range []struct {
		epsilon float64
		d       float32
		want    float32
	}{
		{1e-12, 1, 1}, {3, 1, 0.5},
		{0, float32(math.Sqrt(1e-5)), float32(math.Sqrt(0.5))}, // by default, ε is 1e-5
	} {
		s := graph.New(graph.NewParams(1))
		y := layers.LayerNorm(s, s.Floats("x", 1, 2), layers.Norm{Epsilon: c.epsilon})
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
