package mixtral

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Body declares Mixtral over tokens (B, T) up to the head, and returns the final states (B·T, C) and the token
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
		Heads: c.Heads, KVHeads: c.kvHeads(), HeadSize: c.headSize(), Separate: true, Weights: layers.BranchWeights{Init: c.start(), NoBias: true},
		Between: c.turn, Dropout: c.AttentionDropout, Window: c.Window,
	}) // (B·T, C)
	x = layers.Residual(s.At("self_attn"), x, a, 0) // (B·T, C)

	m := layers.RMSNorm(s.At("post_attention_layernorm"), x, c.norm()) // (B·T, C)
	m = ops.Jitter(s.At("block_sparse_moe"), m, c.Jitter)              // (B·T, C)
	m = layers.Experts(c.routing(), c.expert)(s.At("block_sparse_moe"), m)
	return layers.Residual(s.At("block_sparse_moe"), x, m, 0) // (B·T, C)
}

// routing sends each token to its best experts, weighted by a softmax over these.
func (c Config) routing() layers.ExpertsConfig {
	e := layers.ExpertsConfig{
		Count: c.Experts, PerToken: c.PerToken,
		Router: func(s *graph.Scope, x *G.Node) *G.Node { return c.dense(s.At("gate"), x, c.Experts) }, // (B·T, E)
	}
	if c.BalanceLoss {
		e.Balance = layers.Balance{Weight: c.Balance, Pooled: true}
	}
	return e
}

// expert declares a SwiGLU for the rows (N, C) that are sent to it.
func (c Config) expert(s *graph.Scope, x *G.Node) *G.Node {
	x = ops.Enter(s, x)                                    // (N, C)
	gate := c.dense(s.At("w1"), x, c.Inner)                // (N, I)
	gate = s.At("act").Layer(gate, gate.Shape(), ops.SiLU) // (N, I)
	h := ops.Mul(s, gate, c.dense(s.At("w3"), x, c.Inner)) // (N, I)
	return c.dense(s.At("w2"), h, c.Width)                 // (N, C)
}

// turn rotates queries (B·T, H·D) and keys (B·T, KVHeads·D) according to their positions.
func (c Config) turn(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
	o, err := c.rotary()
	if err != nil {
		return s.Fail("Rotary", q.Shape(), "%v", err), k
	}
	return ops.Rotary(s, q, c.Heads, o), ops.Rotary(s, k, c.kvHeads(), o)
}

// dense declares a layer of out columns, without a bias.
func (c Config) dense(s *graph.Scope, x *G.Node, out int) *G.Node {
	return layers.Dense(s, x, out, layers.Weights{Init: c.start(), NoBias: true})
}

// start is the initialization of matrices.
func (c Config) start() graph.Init { return graph.Normal(c.InitStd) }

// norm returns the settings of norms.
func (c Config) norm() layers.RMS { return layers.RMS{Epsilon: c.Epsilon} }
