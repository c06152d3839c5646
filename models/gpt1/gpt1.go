package gpt1

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Graph declares GPT-1 over tokens (B, T) and returns the logits (B·T, V): row b·T + t
// scores every token as the one that follows position t of sequence b.
func (c Config) Graph(s *graph.Scope, tokens *G.Node) *G.Node {
	x, table := c.States(s, tokens)                   // (B·T, C), (V, C)
	return layers.TiedHead(s.At("lm_head"), x, table) // (B·T, V)
}

// GraphAt is Graph for some positions only: rows (N) numbers rows of the logits, and
// the result (N, V) holds these. A sampler needs the last position's.
func (c Config) GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node {
	x, table := c.States(s, tokens)                   // (B·T, C), (V, C)
	x = ops.Pick(s.At("rows"), rows, x)               // (N, C)
	return layers.TiedHead(s.At("lm_head"), x, table) // (N, V)
}

// Loss declares GPT-1 and its pre-training objective (§3.1): the mean cross-entropy of
// the next token, where targets (B, T) holds the token that follows each of tokens.
func (c Config) Loss(s *graph.Scope, tokens, targets *G.Node) *G.Node {
	x, table := c.States(s, tokens)                            // (B·T, C), (V, C)
	return layers.TiedLoss(s.At("lm_head"), x, table, targets) // scalar
}

// States is everything below the head: it returns the final states (B·T, C) and the token
// embedding (V, C), which the head shares. There is no norm after the last block.
func (c Config) States(s *graph.Scope, tokens *G.Node) (x, table *G.Node) {
	tokens = s.Given("GPT-1", "tokens", tokens)
	if tokens.Dims() != 2 {
		return s.Fail("GPT-1", []int{1, c.Width}, "tokens are %v; want (B, T)", tokens.Shape()), tokens
	}

	x, table = layers.Embedding(s.At("tokens_embed"), tokens, c.Vocab, c.Width, c.start()) // (B·T, C)
	x = layers.LearnedPositions(s.At("positions_embed"), x, c.Context, c.start())          // (B·T, C)
	x = ops.Dropout(s.At("drop"), x, c.EmbedDropout)                                       // (B·T, C)
	for i := range c.Layers {
		x = layers.Block(s.At("h.%d", i), x, c.block) // (B·T, C)
	}
	return x, table
}

// block is one transformer block with the layer norms after the sums (post-norm), as
// in Vaswani et al. 2017; GPT-2 has them in front of the branches.
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

// start is what all matrices start from (§4.1).
func (c Config) start() graph.Init { return graph.Normal(c.InitStd) }
