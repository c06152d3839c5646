package layers_test

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// modern declares a decoder newer than GPT-2 over tokens (B, T), as in the fixtures, and returns logits (B·T,
// V). The attention of its layers may be composed.
type modern func(s *graph.Scope, tokens *G.Node, composed bool) *G.Node

var moderns = map[string]modern{
	"llama": llama(layers.AttentionConfig{Heads: 4, KVHeads: 2, Separate: true, Weights: bare, Between: turned(4, 2, 100, nil)}, layers.RMS{}),
	"qwen3": llama(layers.AttentionConfig{Heads: 3, KVHeads: 1, HeadSize: 6, Separate: true, Weights: bare,
		Between: turned(3, 1, 0, &layers.RMS{Epsilon: 1e-6, Columns: 6})}, layers.RMS{Epsilon: 1e-6}),
	"gemma2": gemma2, "nanochat": nanochat, "gptj": gptJ, "bloom": bloom, "gptoss": gptOss,
}

// llama returns a model like Llama.
func llama(attention layers.AttentionConfig, rms layers.RMS) modern {
	return func(s *graph.Scope, tokens *G.Node, composed bool) *G.Node {
		attention := attention
		attention.Composed = composed
		x, _ := layers.Embedding(s.At("embed_tokens"), tokens, 29, 16, graph.Init{}) // (B·T, C)
		for i := range 2 {
			b := s.At("layers.%d", i)
			a := layers.RMSNorm(b.At("input_layernorm"), x, rms) // (B·T, C)
			x = ops.Add(b, x, layers.Attention(b.At("self_attn"), a, attention))
			h := layers.RMSNorm(b.At("post_attention_layernorm"), x, rms) // (B·T, C)
			x = ops.Add(b, x, layers.GatedMLP(b.At("mlp"), h, 22, ops.SiLU, bare))
		}
		x = layers.RMSNorm(s.At("norm"), x, rms)                 // (B·T, C)
		return layers.Head(s.At("lm_head"), x, 29, graph.Init{}) // (B·T, V)
	}
}

// gemma2 caps scores and logits, normalizes with a gain of 1 + w before and after each branch, and uses GEGLU.
func gemma2(s *graph.Scope, tokens *G.Node, composed bool) *G.Node {
	rms := layers.RMS{Epsilon: 1e-6, PlusOne: true}
	x, _ := layers.Embedding(s.At("embed_tokens"), tokens, 29, 16, graph.Init{}) // (B·T, C)
	x = ops.Scale(s, x, 4)                                                       // √C
	for i, window := range []int{5, 0} {
		b := s.At("layers.%d", i)
		a := layers.RMSNorm(b.At("input_layernorm"), x, rms)
		a = layers.Attention(b.At("self_attn"), a, layers.AttentionConfig{
			Heads: 4, KVHeads: 2, HeadSize: 6, Separate: true, Weights: bare, Between: turned(4, 2, 0, nil),
			Window: window, Scale: 1 / math.Sqrt(10), SoftCap: 2, Composed: composed,
		})
		x = ops.Add(b, x, layers.RMSNorm(b.At("post_attention_layernorm"), a, rms))
		m := layers.RMSNorm(b.At("pre_feedforward_layernorm"), x, rms)
		m = layers.GatedMLP(b.At("mlp"), m, 22, ops.GELU, bare)
		x = ops.Add(b, x, layers.RMSNorm(b.At("post_feedforward_layernorm"), m, rms))
	}
	x = layers.RMSNorm(s.At("norm"), x, rms)
	return ops.SoftCap(s, layers.Head(s.At("lm_head"), x, 29, graph.Init{}), 3)
}

// nanochat normalizes queries and keys after rotating them, and its norms have no gains.
func nanochat(s *graph.Scope, tokens *G.Node, composed bool) *G.Node {
	rms, head := layers.RMS{Epsilon: 1e-6, NoGain: true}, layers.RMS{Epsilon: 1e-6, NoGain: true, Columns: 4}
	o := ops.RotaryOptions{Frequencies: []float64{-1, -0.1}} // for a base of 100, in the opposite direction
	x, _ := layers.Embedding(s.At("embed_tokens"), tokens, 29, 16, graph.Init{})
	x = layers.RMSNorm(s, x, rms)
	for i := range 2 {
		b := s.At("layers.%d", i)
		a := layers.Attention(b.At("self_attn"), layers.RMSNorm(b, x, rms), layers.AttentionConfig{
			Heads: 4, KVHeads: 2, Separate: true, Weights: bare, Composed: composed,
			Between: func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
				q, k = ops.Rotary(s, q, 4, o), ops.Rotary(s, k, 2, o)
				return layers.RMSNorm(s.At("q_norm"), q, head), layers.RMSNorm(s.At("k_norm"), k, head)
			},
		})
		x = ops.Add(b, x, a)
		m := layers.Dense(b.At("mlp.fc1"), layers.RMSNorm(b.At("mlp"), x, rms), 22, layers.Weights{NoBias: true})
		x = ops.Add(b, x, layers.Dense(b.At("mlp.fc2"), ops.SquaredReLU(b, m), 16, layers.Weights{NoBias: true}))
	}
	x = layers.RMSNorm(s.At("norm"), x, rms)
	w := s.Param("lm_head.weight", graph.Zeros(), 29, 16)
	return layers.HeadConfig{SoftCap: 3}.Logits(s, x, w)
}

// gptJ computes both branches in parallel after one norm, and rotates neighboring columns in half of each head.
func gptJ(s *graph.Scope, tokens *G.Node, composed bool) *G.Node {
	o := ops.RotaryOptions{Columns: 4, Interleaved: true}
	x, _ := layers.Embedding(s.At("wte"), tokens, 29, 16, graph.Init{})
	for i := range 2 {
		b := s.At("h.%d", i)
		n := layers.LayerNorm(b.At("ln_1"), x, layers.Norm{})
		a := b.At("attn")
		part := func(name string) *G.Node {
			return layers.Dense(a.At("%s", name), n, 16, layers.Weights{NoBias: true})
		}
		q, k := ops.AllHeads(s, ops.Rotary(a, part("q_proj"), 2, o), 2), ops.AllHeads(s, ops.Rotary(a, part("k_proj"), 2, o), 2)
		core := ops.Attention
		if composed {
			core = ops.ComposedAttention
		}
		y := core(a, q, k, ops.AllHeads(s, part("v_proj"), 2), ops.AttentionOptions{})
		y = layers.Dense(a.At("o_proj"), y, 16, layers.Weights{NoBias: true})
		m := ops.GELU(b, layers.Dense(b.At("mlp.fc_in"), n, 22, layers.Weights{}))
		m = layers.Dense(b.At("mlp.fc_out"), m, 16, layers.Weights{})
		x = ops.Add(b, x, ops.Add(b, y, m))
	}
	x = layers.LayerNorm(s.At("ln_f"), x, layers.Norm{})
	return layers.Dense(s.At("lm_head"), x, 29, layers.Weights{})
}

// bloom encodes positions with ALiBi.
func bloom(s *graph.Scope, tokens *G.Node, composed bool) *G.Node {
	x, _ := layers.Embedding(s.At("word_embeddings"), tokens, 29, 18, graph.Init{})
	x = layers.LayerNorm(s.At("word_embeddings_layernorm"), x, layers.Norm{})
	for i := range 2 {
		b := s.At("h.%d", i)
		n, a := layers.LayerNorm(b.At("input_layernorm"), x, layers.Norm{}), b.At("self_attention")
		part := func(name string) ops.Heads {
			return ops.AllHeads(s, layers.Dense(a.At("%s", name), n, 18, layers.Weights{}), 3)
		}
		core := ops.Attention
		if composed {
			core = ops.ComposedAttention
		}
		y := core(a, part("q_proj"), part("k_proj"), part("v_proj"), ops.AttentionOptions{Slopes: ops.ALiBi(3)})
		x = ops.Add(b, x, layers.Dense(a.At("dense"), y, 18, layers.Weights{}))
		m := layers.LayerNorm(b.At("post_attention_layernorm"), x, layers.Norm{})
		m = ops.GELU(b, layers.Dense(b.At("mlp.dense_h_to_4h"), m, 72, layers.Weights{}))
		x = ops.Add(b, x, layers.Dense(b.At("mlp.dense_4h_to_h"), m, 18, layers.Weights{}))
	}
	x = layers.LayerNorm(s.At("ln_f"), x, layers.Norm{})
	return layers.Head(s.At("lm_head"), x, 29, graph.Init{})
}

// gptOss has sinks, a window in every other layer, and YaRN's rotary positions, but no MLPs.
func gptOss(s *graph.Scope, tokens *G.Node, composed bool) *G.Node {
	o, err := ops.ParseRotary([]byte(`{"rope_type": "yarn", "rope_theta": 150000.0, "factor": 32.0, "beta_fast": 32.0,
		"beta_slow": 1.0, "truncate": false, "original_max_position_embeddings": 4096}`), 8)
	if err != nil {
		return s.Fail("gptOss", []int{26, 29}, "%v", err)
	}
	x, _ := layers.Embedding(s.At("embed_tokens"), tokens, 29, 16, graph.Init{})
	for i, window := range []int{5, 0} {
		b := s.At("layers.%d", i)
		a := layers.RMSNorm(b.At("input_layernorm"), x, layers.RMS{Epsilon: 1e-6})
		x = ops.Add(b, x, layers.Attention(b.At("self_attn"), a, layers.AttentionConfig{
			Heads: 4, KVHeads: 2, HeadSize: 8, Separate: true, Sinks: true, Window: window, Composed: composed,
			Between: func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
				return ops.Rotary(s, q, 4, o), ops.Rotary(s, k, 2, o)
			},
		}))
	}
	x = layers.RMSNorm(s.At("norm"), x, layers.RMS{Epsilon: 1e-6})
	return layers.Head(s.At("lm_head"), x, 29, graph.Init{})
}

// TestLosses: the loss of a head with soft-cap, z-loss, label smoothing, ignored targets and weights matches
// PyTorch's, and so do its gradients; outside of training, z-loss and smoothing are left out.
func TestLosses(t *testing.T) {
	want := openFixture(t, "losses")
	run := func(c layers.HeadConfig, weighted bool, options ...graph.Option) (loss float32, dx, dw []float32) {
		params := graph.NewParams(1)
		s := graph.New(params, options...)
		var weights *G.Node
		if weighted {
			weights = s.Floats("weights", 9)
		}
		y := c.Loss(s, s.Param("x", graph.Zeros(), 9, 5), s.Param("w", graph.Zeros(), 11, 5), s.Ints("targets", 9), weights)
		p, err := s.CompileGrad(y)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		copy(params.Get("x").Data(), want["x"])
		copy(params.Get("w").Data(), want["w"])
		if err := p.SetInts("targets", want.ids("targets")); err != nil {
			t.Fatal(err)
		}
		if weighted {
			if err := p.SetFloats("weights", want["weights"]); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		return p.Loss(), params.Get("x").GradData(), params.Get("w").GradData()
	}
	for name, c := range map[string]layers.HeadConfig{
		"cap": {SoftCap: 1.5}, "z": {ZLoss: 0.1}, "smoothing": {Smoothing: 0.2},
		"all": {SoftCap: 2, ZLoss: 0.05, Smoothing: 0.3}, "all_weighted": {SoftCap: 2, ZLoss: 0.05, Smoothing: 0.3},
	} {
		loss, dx, dw := run(c, name == "all_weighted", graph.Training())
		if e := off([]float32{loss}, want[name+".loss"]); !(e <= tolLogits) {
			t.Errorf("%s: the loss is off by %.1e", name, e)
		}
		if e := max(off(dx, want[name+".dx"]), off(dw, want[name+".dw"])); !(e <= tolGradient) {
			t.Errorf("%s: a gradient is off by %.1e", name, e)
		}
	}
	plain, _, _ := run(layers.HeadConfig{}, false)
	if other, _, _ := run(layers.HeadConfig{ZLoss: 0.1, Smoothing: 0.2}, false); other != plain {
		t.Errorf("in an evaluation the loss is %v, want the cross-entropy %v", other, plain)
	}
}
