package gptoss

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Body declares gpt-oss over tokens (B, T) up to the head, and returns the final states (B·T, C) and the token
// embedding (V, C).
func (c Config) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	x, embedding = layers.Embedding(s.At("embed_tokens"), tokens, c.Vocab, c.Width, c.start()) // (B·T, C), (V, C)
	for i := range c.Layers {
		x = layers.Block(s.At("layers.%d", i), x, c.block(i)) // (B·T, C)
	}
	return layers.RMSNorm(s.At("norm"), x, c.norm()), embedding // (B·T, C)
}

// block returns a function that declares transformer block i.
func (c Config) block(i int) func(s *graph.Scope, x *G.Node) *G.Node {
	window := 0
	if c.Sliding(i) {
		window = c.Window
	}
	return func(s *graph.Scope, x *G.Node) *G.Node {
		a := layers.RMSNorm(s.At("input_layernorm"), x, c.norm()) // (B·T, C)
		a = layers.Attention(s.At("self_attn"), a, layers.AttentionConfig{
			Heads: c.Heads, KVHeads: c.kvHeads(), HeadSize: c.headSize(), Separate: true, Weights: layers.BranchWeights{Init: c.start()},
			Between: c.turn, Dropout: c.AttentionDropout, Window: window, Sinks: true,
		}) // (B·T, C)
		x = layers.Residual(s.At("self_attn"), x, a, 0) // (B·T, C)

		m := layers.RMSNorm(s.At("post_attention_layernorm"), x, c.norm()) // (B·T, C)
		m = layers.Experts(c.routing(), c.expert)(s.At("mlp"), m)          // (B·T, C)
		return layers.Residual(s.At("mlp"), x, m, 0)                       // (B·T, C)
	}
}

// routing sends each token to its best experts, weighted by a softmax over these.
func (c Config) routing() layers.ExpertsConfig {
	e := layers.ExpertsConfig{
		Count: c.Experts, PerToken: c.PerToken,
		Router: func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.Dense(s.At("router"), x, c.Experts, layers.Weights{Init: c.start()}) // (B·T, E)
		},
	}
	if c.BalanceLoss {
		e.Balance = layers.Balance{Weight: c.Balance, Pooled: true}
	}
	return e
}

// expert declares a clamped SwiGLU for the rows (N, C) that are sent to it. Gates and what they gate are
// alternating columns of one product.
func (c Config) expert(s *graph.Scope, x *G.Node) *G.Node {
	x = ops.Enter(s, x) // (N, C)
	up, down := graph.Cut(0, 2*c.Inner), graph.Cut(1, c.Inner)
	u := ops.Dense(s, x, s.CutParam("gate_up_proj", c.start(), up, 2*c.Inner, c.Width), s.CutParam("gate_up_proj_bias", graph.Zeros(), up, 2*c.Inner)) // (N, 2I)
	h := ops.ClampedSwiGLU(s.At("act"), u, c.Limit)                                                                                                    // (N, I)
	return ops.Dense(s, h, s.CutParam("down_proj", c.start(), down, c.Width, c.Inner), s.Param("down_proj_bias", graph.Zeros(), c.Width))              // (N, C)
}

// turn rotates queries (B·T, H·D) and keys (B·T, KVHeads·D) according to their positions.
func (c Config) turn(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
	o, err := c.rotary()
	if err != nil {
		return s.Fail("Rotary", q.Shape(), "%v", err), k
	}
	return ops.Rotary(s, q, c.Heads, o), ops.Rotary(s, k, c.kvHeads(), o)
}

// start is the initialization of matrices and sinks.
func (c Config) start() graph.Init { return graph.Normal(c.InitStd) }

// norm returns the settings of norms.
func (c Config) norm() layers.RMS { return layers.RMS{Epsilon: c.Epsilon} }
