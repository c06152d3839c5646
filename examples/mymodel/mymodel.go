// Package mymodel is a family of GPT models outside of gorgpt: a pre-norm transformer with RMSNorm, rotary
// positions, SwiGLU and grouped-query attention. Importing it makes the family known; mygpt is gorgpt's
// command with this family added.
package mymodel

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
)

// Config is the configuration of a model. Its tags are the keys of config.json.
type Config struct {
	Vocab   int `json:"vocab_size"`              // tokens
	Context int `json:"max_position_embeddings"` // positions a sequence may have
	Width   int `json:"hidden_size"`             // of the residual stream, C
	Layers  int `json:"num_hidden_layers"`       // blocks
	Heads   int `json:"num_attention_heads"`     // of queries, in each block
	KVHeads int `json:"num_key_value_heads"`     // of keys and values, each shared by several heads of queries
	Inner   int `json:"intermediate_size"`       // of the feed-forward part

	Theta   float64 `json:"rope_theta"`              // base of the positions' frequencies
	Cap     float64 `json:"state_cap" config:"null"` // bound on the final states; 0 means none, and is null in the file
	Epsilon float64 `json:"rms_norm_eps"`            // added to the mean square
	Dropout float64 `json:"dropout"`                 // of what a branch adds to the stream
	InitStd float64 `json:"initializer_range"`       // standard deviation of the initial weights
}

func init() {
	nano := Config{
		Vocab: 257, Context: 64, Width: 128, Layers: 4, Heads: 4, KVHeads: 2, Inner: 344,
		Theta: 10000, Cap: 30, Epsilon: 1e-6, InitStd: 0.02,
	}
	models.Register(models.Family{
		Type:    "mymodel",
		Default: nano,
		Sizes:   []models.Named{{Name: "mymodel-nano", About: "RMSNorm, rotary positions, SwiGLU, grouped queries", Model: nano}},
	})
}

// Validate returns what is wrong with settings other than sizes and rates, or nil.
func (c Config) Validate() error {
	switch {
	case c.KVHeads < 1 || c.Heads%c.KVHeads != 0:
		return fmt.Errorf("num_key_value_heads is %d, want a divisor of the %d heads", c.KVHeads, c.Heads)
	case c.Width/c.Heads%2 != 0:
		return fmt.Errorf("heads of %d columns cannot be turned in pairs; want an even number", c.Width/c.Heads)
	case c.Inner < 1 || !(c.Theta > 0) || !(c.Cap >= 0):
		return fmt.Errorf("intermediate_size %d, rope_theta %v, state_cap %v: want 1 or more, above 0, 0 or more", c.Inner, c.Theta, c.Cap)
	}
	return nil
}

// Body declares the model up to the head, which shares the token embedding.
func (c Config) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	x, embedding = layers.Embedding(s.At("embed_tokens"), tokens, c.Vocab, c.Width, graph.Normal(c.InitStd)) // (B·T, C), (V, C)
	for i := range c.Layers {
		x = layers.Block(s.At("layers.%d", i), x, c.block) // (B·T, C)
	}
	x = layers.RMSNorm(s.At("norm"), x, layers.RMS{Epsilon: c.Epsilon}) // (B·T, C)
	return Bound(s.At("cap"), x, c.Cap), embedding                      // (B·T, C)
}

// block is one transformer block.
func (c Config) block(s *graph.Scope, x *G.Node) *G.Node {
	a := layers.RMSNorm(s.At("input_layernorm"), x, layers.RMS{Epsilon: c.Epsilon}) // (B·T, C)
	a = layers.Attention(s.At("self_attn"), a, layers.AttentionConfig{
		Heads: c.Heads, KVHeads: c.KVHeads, Separate: true, Weights: c.weights(), Between: c.rotate,
	}) // (B·T, C)
	x = layers.Residual(s.At("self_attn"), x, a, c.Dropout) // (B·T, C)

	m := layers.RMSNorm(s.At("post_attention_layernorm"), x, layers.RMS{Epsilon: c.Epsilon}) // (B·T, C)
	m = layers.GatedMLP(s.At("mlp"), m, c.Inner, ops.SiLU, c.weights())                      // (B·T, C)
	return layers.Residual(s.At("mlp"), x, m, c.Dropout)                                     // (B·T, C)
}

// rotate rotates queries (B·T, C) and keys (B·T, KVHeads·D) according to their positions.
func (c Config) rotate(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
	o := ops.RotaryOptions{Theta: c.Theta}
	return ops.Rotary(s.At("q"), q, c.Heads, o), ops.Rotary(s.At("k"), k, c.KVHeads, o)
}

func (c Config) weights() layers.BranchWeights {
	return layers.BranchWeights{Init: graph.Normal(c.InitStd), NoBias: true}
}
