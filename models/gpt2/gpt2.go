package gpt2

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Graph declares GPT-2 over tokens (B, T) and returns the logits (B·T, V): row
// b·T + t scores every token as the one that follows position t of sequence b.
func (c Config) Graph(s *graph.Scope, tokens *G.Node) *G.Node {
	x, wte := c.States(s, tokens)                   // (B·T, C), (V, C)
	return layers.TiedHead(s.At("lm_head"), x, wte) // (B·T, V)
}

// GraphAt is Graph for some positions only: rows (N) numbers rows of the logits, and
// the result (N, V) holds these. A sampler needs the last position's.
func (c Config) GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node {
	x, wte := c.States(s, tokens)                   // (B·T, C), (V, C)
	x = ops.Pick(s.At("rows"), rows, x)             // (N, C)
	return layers.TiedHead(s.At("lm_head"), x, wte) // (N, V)
}

// Loss declares GPT-2 and its training objective: the mean cross-entropy of the
// next token, where targets (B, T) holds the token that follows each of tokens.
func (c Config) Loss(s *graph.Scope, tokens, targets *G.Node) *G.Node {
	x, wte := c.States(s, tokens)                            // (B·T, C), (V, C)
	return layers.TiedLoss(s.At("lm_head"), x, wte, targets) // scalar
}

// States is everything below the head: it returns the final states (B·T, C) and the token
// embedding (V, C), which the head shares.
func (c Config) States(s *graph.Scope, tokens *G.Node) (x, wte *G.Node) {
	tokens = s.Given("GPT-2", "tokens", tokens)
	if tokens.Dims() != 2 {
		return s.Fail("GPT-2", []int{1, c.Width}, "tokens are %v; want (B, T)", tokens.Shape()), tokens
	}

	x, wte = layers.Embedding(s.At("wte"), tokens, c.Vocab, c.Width, c.start()) // (B·T, C)
	x = layers.LearnedPositions(s.At("wpe"), x, c.Context, c.start())           // (B·T, C)
	x = ops.Dropout(s.At("drop"), x, c.EmbedDropout)                            // (B·T, C)
	for i := range c.Layers {
		x = layers.Block(s.At("h.%d", i), x, func(s *graph.Scope, x *G.Node) *G.Node {
			return c.block(s, x, i) // (B·T, C)
		})
	}
	return layers.LayerNorm(s.At("ln_f"), x, c.norm()), wte // (B·T, C)
}

// block is one transformer block with the layer norms in front of the branches
// (pre-norm), GPT-2's change over GPT-1. It is the i-th.
func (c Config) block(s *graph.Scope, x *G.Node, i int) *G.Node {
	a := layers.LayerNorm(s.At("ln_1"), x, c.norm())           // (B·T, C)
	a = layers.Attention(s.At("attn"), a, c.attention(i))      // (B·T, C)
	x = layers.Residual(s.At("attn"), x, a, c.ResidualDropout) // (B·T, C)

	m := layers.LayerNorm(s.At("ln_2"), x, c.norm())                             // (B·T, C)
	m = layers.MLP(s.At("mlp"), m, c.inner(), c.Activation.layer(), c.weights()) // (B·T, C)
	return layers.Residual(s.At("mlp"), x, m, c.ResidualDropout)                 // (B·T, C)
}

// attention is the configuration of block i's.
func (c Config) attention(i int) layers.AttentionConfig {
	return layers.AttentionConfig{
		Heads: c.Heads, Weights: c.weights(), Dropout: c.AttentionDropout,
		Scale: c.scale(i), Composed: c.Composed,
	}
}

// weights are the settings of layers with weights. The projections that end a branch
// start smaller, by the root of the number of branches (§2.3: 1/√N, with N = 2·L),
// so that the residual stream keeps its scale however deep the model is.
func (c Config) weights() layers.BranchWeights {
	last := graph.Normal(c.InitStd / math.Sqrt(float64(2*c.Layers)))
	return layers.BranchWeights{Init: c.start(), ResidualInit: last, NoBias: !c.Bias}
}

// start is what the other matrices start from.
func (c Config) start() graph.Init { return graph.Normal(c.InitStd) }

// norm is the settings of layer norms.
func (c Config) norm() layers.Norm { return layers.Norm{Epsilon: c.Epsilon, NoBias: !c.Bias} }
