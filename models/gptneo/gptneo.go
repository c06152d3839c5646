package gptneo

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Body declares GPT-Neo over tokens (B, T) up to the head, and returns the final states (B·T, C)
// and the token embedding wte (V, C), which the head shares.
func (c Config) Body(s *graph.Scope, tokens *G.Node) (x, wte *G.Node) {
	x, wte = layers.Embedding(s.At("wte"), tokens, c.Vocab, c.Width, c.start()) // (B·T, C)
	x = layers.LearnedPositions(s.At("wpe"), x, c.Context, c.start())           // (B·T, C)
	x = ops.Dropout(s.At("drop"), x, c.EmbedDropout)                            // (B·T, C)
	for i, kind := range c.Types.each() {
		x = layers.Block(s.At("h.%d", i), x, func(s *graph.Scope, x *G.Node) *G.Node {
			return c.block(s, x, kind) // (B·T, C)
		})
	}
	return layers.LayerNorm(s.At("ln_f"), x, c.norm()), wte // (B·T, C)
}

// block is a transformer block with the given kind of attention.
func (c Config) block(s *graph.Scope, x *G.Node, kind string) *G.Node {
	a := layers.LayerNorm(s.At("ln_1"), x, c.norm()) // (B·T, C)
	a = layers.Block(s.At("attn"), a, func(s *graph.Scope, x *G.Node) *G.Node {
		return c.attention(s, x, kind) // (B·T, C)
	})
	x = layers.Residual(s.At("attn"), x, a, c.ResidualDropout) // (B·T, C)

	m := layers.LayerNorm(s.At("ln_2"), x, c.norm())             // (B·T, C)
	m = layers.Block(s.At("mlp"), m, c.feedForward)              // (B·T, C)
	return layers.Residual(s.At("mlp"), x, m, c.ResidualDropout) // (B·T, C)
}

// attention over x (B·T, C) has a bias only in its last layer, and does not scale its scores.
func (c Config) attention(s *graph.Scope, x *G.Node, kind string) *G.Node {
	o := ops.AttentionOptions{Dropout: c.AttentionDropout, Scale: 1}
	if kind == local {
		o.Window = c.Window
	}
	x = ops.Enter(s, x) // (B·T, C)
	project := func(name string) ops.Heads {
		w := layers.Weights{Init: c.start(), NoBias: true}
		return ops.AllHeads(s, layers.Dense(s.At("attention.%s", name), x, c.Width, w), c.Heads) // (B·T, C)
	}
	q, k, v := project("q_proj"), project("k_proj"), project("v_proj")
	s.Expose("weights", func(s *graph.Scope) *G.Node { return ops.AttentionWeights(s, q, k, o) }) // (B·H, T, T)
	y := ops.Attention(s, q, k, v, o)                                                             // (B·T, C)
	return layers.Dense(s.At("attention.out_proj"), y, c.Width, layers.Weights{Init: c.start()})  // (B·T, C)
}

// feedForward declares the feed-forward part of a block over x (B·T, C).
func (c Config) feedForward(s *graph.Scope, x *G.Node) *G.Node {
	w := layers.Weights{Init: c.start()}
	x = ops.Enter(s, x)                                       // (B·T, C)
	h := layers.Dense(s.At("c_fc"), x, c.inner(), w)          // (B·T, 4C)
	h = s.At("act").Layer(h, h.Shape(), c.Activation.Layer()) // (B·T, 4C)
	return layers.Dense(s.At("c_proj"), h, c.Width, w)        // (B·T, C)
}

// start is the initialization of matrices.
func (c Config) start() graph.Init { return graph.Normal(c.InitStd) }

// norm returns the settings of layer norms.
func (c Config) norm() layers.Norm { return layers.Norm{Epsilon: c.Epsilon} }
