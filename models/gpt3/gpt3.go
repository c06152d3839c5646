package gpt3

import (
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Body declares GPT-3 over tokens (B, T) up to the head, and returns the final states (B·T, C) and the token
// embedding wte (V, C), which the head shares. It is "the same model and architecture as GPT-2, including the
// modified initialization, pre-normalization, and reversible tokenization" (§2.1): what is not declared here
// is in package gpt2.
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

// block is the i-th transformer block, "with the exception that we use alternating dense and
// locally banded sparse attention patterns in the layers of the transformer" (§2.1).
func (c Config) block(s *graph.Scope, x *G.Node, i int) *G.Node {
	attention := c.Attention(i)
	attention.Window = c.window(i)

	a := layers.LayerNorm(s.At("ln_1"), x, c.Norm())           // (B·T, C)
	a = layers.Attention(s.At("attn"), a, attention)           // (B·T, C)
	x = layers.Residual(s.At("attn"), x, a, c.ResidualDropout) // (B·T, C)

	m := layers.LayerNorm(s.At("ln_2"), x, c.Norm())             // (B·T, C)
	m = c.FeedForward(s.At("mlp"), m)                            // (B·T, C)
	return layers.Residual(s.At("mlp"), x, m, c.ResidualDropout) // (B·T, C)
}

// window returns how many positions a position of block i sees, itself included; 0 stands for all.
func (c Config) window(i int) int {
	if c.Banded(i) {
		return c.Window
	}
	return 0
}

// Banded reports whether block i is locally banded. The order is repeated over the blocks.
func (c Config) Banded(i int) bool {
	order := strings.Split(c.Order, ",")
	return order[i%len(order)] == banded
}
