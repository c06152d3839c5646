package layers_test

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// gpt-oss's attention: sinks and a window.
func ExampleAttentionConfig_sinks() {
	params := graph.NewParams(1)
	s := graph.New(params)
	s.SetSequence(1, 8)
	layers.Attention(s.At("attn"), s.Floats("x", 8, 16), layers.AttentionConfig{Heads: 4, Sinks: true, Window: 4})
	fmt.Println(params.Get("attn.sinks").Shape(), s.Err())
	// Output: (4) <nil>
}

// Attention that encodes positions only by distance, as in BLOOM.
func ExampleAttentionConfig_alibi() {
	s := graph.New(graph.NewParams(1))
	s.SetSequence(1, 8)
	y := layers.Attention(s.At("attn"), s.Floats("x", 8, 18), layers.AttentionConfig{Heads: 3, Slopes: ops.ALiBi(3)}) // (B·T, C)
	fmt.Println(y.Shape(), s.Err())
	// Output: (8, 18) <nil>
}

// Queries and keys are normalized head by head, here before the rotation, as in Qwen 3; nanochat rotates
// first, and its norms have no gain.
func ExampleAttentionConfig_norms() {
	params := graph.NewParams(1)
	s := graph.New(params)
	s.SetSequence(1, 8)
	y := layers.Attention(s.At("attn"), s.Floats("x", 8, 16), layers.AttentionConfig{
		Heads: 4, Weights: layers.BranchWeights{NoBias: true},
		Between: func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
			n := layers.RMS{Columns: 4}
			q, k = layers.RMSNorm(s.At("q_norm"), q, n), layers.RMSNorm(s.At("k_norm"), k, n)
			return ops.Rotary(s, q, 4, ops.RotaryOptions{}), ops.Rotary(s, k, 4, ops.RotaryOptions{})
		},
	}) // (B·T, C)
	fmt.Println(y.Shape(), params.Names())
	// Output: (8, 16) [attn.c_attn.weight attn.q_norm.weight attn.k_norm.weight attn.c_proj.weight]
}

// The values of the first layer, or of a separate embedding, can be added to those of a later layer.
func ExampleAttentionConfig_values() {
	params := graph.NewParams(1)
	s := graph.New(params)
	tokens := s.Ints("tokens", 1, 8)
	x, _ := layers.Embedding(s.At("wte"), tokens, 100, 16, graph.Init{})            // (B·T, C)
	more, _ := layers.Embedding(s.At("value_embed"), tokens, 100, 16, graph.Init{}) // (B·T, C)
	y := layers.Attention(s.At("attn"), x, layers.AttentionConfig{
		Heads: 4, Value: func(s *graph.Scope, v *G.Node) *G.Node {
			return ops.Add(s, v, layers.Gate(s.At("gate"), more, graph.Zeros())) // (B·T, C)
		},
	}) // (B·T, C)
	fmt.Println(y.Shape(), params.Get("attn.gate.weight").Shape())
	// Output: (8, 16) (1)
}

// GPT-J's block: attention and MLP in parallel after one norm.
func ExampleBlock_parallel() {
	s := graph.New(graph.NewParams(1))
	s.SetSequence(1, 8)
	x := layers.Block(s.At("h.0"), s.Floats("x", 8, 16), func(s *graph.Scope, x *G.Node) *G.Node {
		n := layers.LayerNorm(s.At("ln_1"), x, layers.Norm{})                             // (B·T, C)
		a := layers.Attention(s.At("attn"), n, layers.AttentionConfig{Heads: 4})          // (B·T, C)
		m := layers.MLP(s.At("mlp"), n, 64, ops.GELU, layers.BranchWeights{})             // (B·T, C)
		return layers.Residual(s.At("mlp"), layers.Residual(s.At("attn"), x, a, 0), m, 0) // (B·T, C)
	})
	fmt.Println(x.Shape(), s.Err())
	// Output: (8, 16) <nil>
}

// One gate for the residual stream, and one for the embedding, which is added to the input of each block.
func ExampleGate() {
	params := graph.NewParams(1)
	s := graph.New(params)
	first := s.Floats("x", 6, 4)
	x := first
	for i := range 2 {
		b := s.At("h.%d", i)
		x = ops.Add(b, layers.Gate(b.At("stream"), x, graph.Ones()), layers.Gate(b.At("skip"), first, graph.Zeros())) // (N, C)
	}
	fmt.Println(x.Shape(), params.Names())
	// Output: (6, 4) [h.0.stream.weight h.0.skip.weight h.1.stream.weight h.1.skip.weight]
}

// GEGLU, as in Gemma.
func ExampleGatedMLP_geglu() {
	s := graph.New(graph.NewParams(1))
	y := layers.GatedMLP(s.At("mlp"), s.Floats("x", 6, 4), 11, ops.GELU, layers.BranchWeights{NoBias: true})
	fmt.Println(y.Shape(), s.Err())
	// Output: (6, 4) <nil>
}

// Gemma's norm: its weight is initialized to 0, and 1 is added to it.
func ExampleRMS() {
	params := graph.NewParams(1)
	s := graph.New(params)
	layers.RMSNorm(s.At("norm"), s.Floats("x", 6, 2), layers.RMS{Epsilon: 1e-6, PlusOne: true})
	fmt.Println(params.Get("norm.weight").Data())
	// Output: [0 0]
}

// Logits bounded to ±30, and a loss with z-loss and label smoothing.
func ExampleHeadConfig() {
	s := graph.New(graph.NewParams(1), graph.Training())
	head := layers.HeadConfig{SoftCap: 30, ZLoss: 1e-4, Smoothing: 0.1}
	x, wte := layers.Embedding(s.At("wte"), s.Ints("tokens", 1, 4), 10, 3, graph.Init{}) // (B·T, C), (V, C)
	loss := head.Loss(s.At("lm_head"), x, wte, s.Ints("targets", 1, 4), nil)             // scalar
	fmt.Println(loss.IsScalar(), head.Logits(s.At("lm_head"), x, wte).Shape(), s.Err())
	// Output: true (4, 10) <nil>
}
