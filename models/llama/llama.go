package llama

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Body declares a Llama over tokens (B, T) up to the head, and returns the final states (B·T, C) and the token
// embedding (V, C).
func (c Config) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	x, embedding = layers.Embedding(s.At("embed_tokens"), tokens, c.Vocab, c.Width, c.start()) // (B·T, C), (V, C)
	for i := range c.Layers {
		x = layers.Block(s.At("layers.%d", i), x, c.block) // (B·T, C)
	}
	return layers.RMSNorm(s.At("norm"), x, c.norm()), embedding // (B·T, C)
}

// block is one transformer block.
func (c Config) block(s *graph.Scope, x *G.Node) *G.Node {
	a := layers.RMSNorm(s.At("input_layernorm"), x, c.norm()) // (B·T, C)
	a = layers.Attention(s.At("self_attn"), a, layers.AttentionConfig{
		Heads: c.Heads, KVHeads: c.kvHeads(), HeadSize: c.headSize(), Separate: true,
		Weights: layers.BranchWeights{Init: c.start(), NoBias: !c.AttentionBias},
		Between: c.turn, Dropout: c.AttentionDropout,
	}) // (B·T, C)
	x = layers.Residual(s.At("self_attn"), x, a, c.ResidualDropout) // (B·T, C)

	m := layers.RMSNorm(s.At("post_attention_layernorm"), x, c.norm())                                                // (B·T, C)
	m = layers.GatedMLP(s.At("mlp"), m, c.Inner, ops.SiLU, layers.BranchWeights{Init: c.start(), NoBias: !c.MLPBias}) // (B·T, C)
	return layers.Residual(s.At("mlp"), x, m, c.ResidualDropout)                                                      // (B·T, C)
}

// turn rotates queries (B·T, H·D) and keys (B·T, KVHeads·D) according to their positions.
func (c Config) turn(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
	o, err := c.rotary()
	if err != nil {
		return s.Fail("Rotary", q.Shape(), "%v", err), k
	}
	return ops.Rotary(s, q, c.Heads, o), ops.Rotary(s, k, c.kvHeads(), o)
}

// start is the initialization of matrices.
func (c Config) start() graph.Init { return graph.Normal(c.InitStd) }

// norm returns the settings of norms.
func (c Config) norm() layers.RMS { return layers.RMS{Epsilon: c.Epsilon} }
