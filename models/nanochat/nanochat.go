package nanochat

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Body declares nanochat over tokens (B, T) up to the head, and returns the final states (B·T, C) and
// the token embedding (V, C).
func (c Config) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	x, embedding = layers.Embedding(s.At("embed_tokens"), tokens, c.Vocab, c.Width, graph.Normal(c.InitStd)) // (B·T, C), (V, C)
	x = layers.RMSNorm(s.At("embed_norm"), x, c.norm(0))                                                     // (B·T, C)
	x = ops.Dropout(s.At("drop"), x, c.EmbedDropout)                                                         // (B·T, C)
	for i := range c.Layers {
		x = layers.Block(s.At("layers.%d", i), x, c.block) // (B·T, C)
	}
	return layers.RMSNorm(s.At("norm"), x, c.norm(0)), embedding // (B·T, C)
}

// Head returns the settings of the head, which keeps logits within ±SoftCap.
func (c Config) Head() layers.HeadConfig { return layers.HeadConfig{SoftCap: c.SoftCap} }

// block is one transformer block.
func (c Config) block(s *graph.Scope, x *G.Node) *G.Node {
	a := layers.RMSNorm(s.At("input_layernorm"), x, c.norm(0)) // (B·T, C)
	a = layers.Attention(s.At("self_attn"), a, layers.AttentionConfig{
		Heads: c.Heads, KVHeads: c.KVHeads, Separate: true, Weights: c.weights(), Between: c.turn, Dropout: c.AttentionDropout,
	}) // (B·T, C)
	x = layers.Residual(s.At("self_attn"), x, a, c.ResidualDropout) // (B·T, C)

	m := layers.RMSNorm(s.At("post_attention_layernorm"), x, c.norm(0)) // (B·T, C)
	m = layers.Block(s.At("mlp"), m, c.feedForward)                     // (B·T, C)
	return layers.Residual(s.At("mlp"), x, m, c.ResidualDropout)        // (B·T, C)
}

// turn rotates queries (B·T, C) and keys (B·T, KVHeads·D) according to their positions, in the opposite
// direction to Llama's, and then normalizes each head.
func (c Config) turn(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
	o, err := c.rotary()
	if err != nil {
		return s.Fail("Rotary", q.Shape(), "%v", err), k
	}
	q = ops.Rotary(s.At("q"), q, c.Heads, o)                    // (B·T, C)
	k = ops.Rotary(s.At("k"), k, c.kvHeads(), o)                // (B·T, KVHeads·D)
	q = layers.RMSNorm(s.At("q_norm"), q, c.norm(c.headSize())) // (B·T, C)
	k = layers.RMSNorm(s.At("k_norm"), k, c.norm(c.headSize())) // (B·T, KVHeads·D)
	return q, k
}

// feedForward declares the feed-forward part of a block over x (B·T, C).
func (c Config) feedForward(s *graph.Scope, x *G.Node) *G.Node {
	w := c.weights()
	x = ops.Enter(s, x)                                                                              // (B·T, C)
	h := layers.Dense(s.At("fc1"), x, c.Inner, layers.Weights{Init: w.Init, NoBias: true})           // (B·T, Inner)
	h = s.At("act").Layer(h, h.Shape(), ops.SquaredReLU)                                             // (B·T, Inner)
	return layers.Dense(s.At("fc2"), h, c.Width, layers.Weights{Init: w.ResidualInit, NoBias: true}) // (B·T, C)
}
