package gpt1

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Body declares GPT-1 over tokens (B, T) up to the head, and returns the final states (B·T, C) and the token
// embedding (V, C), which the head shares. From row b·T + t, the head computes the scores of the token after
// position t of sequence b. There is no norm after the last block.
func (c Config) Body(s *graph.Scope, tokens *G.Node) (x, table *G.Node) {
	x, table = layers.Embedding(s.At("tokens_embed"), tokens, c.Vocab, c.Width, c.start()) // (B·T, C)
	x = layers.LearnedPositions(s.At("positions_embed"), x, c.Context, c.start())          // (B·T, C)
	x = ops.Dropout(s.At("drop"), x, c.EmbedDropout)                                       // (B·T, C)
	for i := range c.Layers {
		x = layers.Block(s.At("h.%d", i), x, c.block) // (B·T, C)
	}
	return x, table
}

// block is one transformer block with the layer norms after the sums (post-norm), as in Vaswani et al. 2017.
// GPT-2 has them before the branches.
func (c Config) block(s *graph.Scope, x *G.Node) *G.Node {
	weights, norm := layers.BranchWeights{Init: c.start()}, layers.Norm{Epsilon: c.Epsilon}

	a := layers.Attention(s.At("attn"), x, layers.AttentionConfig{
		Heads: c.Heads, Weights: weights, Dropout: c.AttentionDropout, Composed: c.Composed,
	}) // (B·T, C)
	x = layers.Residual(s.At("attn"), x, a, c.ResidualDropout) // (B·T, C)
	x = layers.LayerNorm(s.At("ln_1"), x, norm)                // (B·T, C)

	m := layers.MLP(s.At("mlp"), x, 4*c.Width, c.Activation.layer(), weights) // (B·T, C)
	x = layers.Residual(s.At("mlp"), x, m, c.ResidualDropout)                 // (B·T, C)
	return layers.LayerNorm(s.At("ln_2"), x, norm)                            // (B·T, C)
}

// start is the initialization of all matrices (§4.1).
func (c Config) start() graph.Init { return graph.Normal(c.InitStd) }
