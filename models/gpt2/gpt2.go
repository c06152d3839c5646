package gpt2

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Body declares GPT-2 over tokens (B, T) up to the head, and returns the final states (B·T, C) and the token
// embedding wte (V, C), which the head shares. From row b·T + t, the head computes the scores of the token
// after position t of sequence b.
func (c Config) Body(s *graph.Scope, tokens *G.Node) (x, wte *G.Node) {
	x, wte = layers.Embedding(s.At("wte"), tokens, c.Vocab, c.Width, c.Start()) // (B·T, C)
	x = layers.LearnedPositions(s.At("wpe"), x, c.Context, c.Start())           // (B·T, C)
	x = ops.Dropout(s.At("drop"), x, c.EmbedDropout)                            // (B·T, C)
	for i := range c.Layers {
		x = layers.Block(s.At("h.%d", i), x, func(s *graph.Scope, x *G.Node) *G.Node {
			return c.block(s, x, i) // (B·T, C)
		})
	}
	return layers.LayerNorm(s.At("ln_f"), x, c.Norm()), wte // (B·T, C)
}

// block is the i-th transformer block, with the layer norms before the branches (pre-norm), as GPT-2 changed
// GPT-1.
func (c Config) block(s *graph.Scope, x *G.Node, i int) *G.Node {
	a := layers.LayerNorm(s.At("ln_1"), x, c.Norm())           // (B·T, C)
	a = layers.Attention(s.At("attn"), a, c.Attention(i))      // (B·T, C)
	x = layers.Residual(s.At("attn"), x, a, c.ResidualDropout) // (B·T, C)

	m := layers.LayerNorm(s.At("ln_2"), x, c.Norm())             // (B·T, C)
	m = c.FeedForward(s.At("mlp"), m)                            // (B·T, C)
	return layers.Residual(s.At("mlp"), x, m, c.ResidualDropout) // (B·T, C)
}

// Attention returns the attention settings of block i.
func (c Config) Attention(i int) layers.AttentionConfig {
	return layers.AttentionConfig{
		Heads: c.Heads, Weights: c.Weights(), Dropout: c.AttentionDropout,
		Scale: c.scale(i), Composed: c.Composed,
	}
}

// FeedForward declares the feed-forward part of a block over x (B·T, C).
func (c Config) FeedForward(s *graph.Scope, x *G.Node) *G.Node {
	return layers.MLP(s, x, c.inner(), c.Activation.Layer(), c.Weights()) // (B·T, C)
}

// Weights returns the settings of layers with weights. The projections that end a branch start smaller, by
// the root of the number of branches (§2.3: 1/√N, with N = 2·L), so that the residual stream keeps its scale
// however deep the model is.
func (c Config) Weights() layers.BranchWeights {
	last := graph.Normal(c.InitStd / math.Sqrt(float64(2*c.Layers)))
	return layers.BranchWeights{Init: c.Start(), ResidualInit: last, NoBias: !c.Bias}
}

// Start returns the initialization of the other matrices.
func (c Config) Start() graph.Init { return graph.Normal(c.InitStd) }

// Norm returns the settings of layer norms.
func (c Config) Norm() layers.Norm { return layers.Norm{Epsilon: c.Epsilon, NoBias: !c.Bias} }
