package gptoss

import (
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/models/family"
)

// forms returns the two ways in which files hold the weights: under transformers' names, which are the names
// here, and under OpenAI's, in original/, where queries, keys and values are one matrix.
func forms(m family.Model) [][]weights.Whole {
	c := m.(Config)
	var original []weights.Whole
	as := func(name, stored string, shape ...int) {
		original = append(original, weights.Whole{Name: name, Shape: shape, Pieces: []weights.Piece{{Name: stored, Shape: shape}}})
	}
	q, kv := c.Heads*c.headSize(), c.kvHeads()*c.headSize()
	as("embed_tokens.weight", "embedding.weight", c.Vocab, c.Width)
	as("norm.weight", "norm.scale", c.Width)
	as("lm_head.weight", "unembedding.weight", c.Vocab, c.Width)
	for i := range c.Layers {
		layer, block := fmt.Sprintf("layers.%d.", i), fmt.Sprintf("block.%d.", i)
		from := 0
		for _, part := range []struct {
			name string
			rows int
		}{{"q_proj", q}, {"k_proj", kv}, {"v_proj", kv}} {
			rows := func(kind string, width int, row ...int) {
				shape, of := append([]int{part.rows}, row...), append([]int{q + 2*kv}, row...)
				piece := weights.Piece{Name: block + "attn.qkv." + kind, Shape: shape, Of: of, From: from * width}
				original = append(original, weights.Whole{Name: layer + "self_attn." + part.name + "." + kind, Shape: shape, Pieces: []weights.Piece{piece}})
			}
			rows("weight", c.Width, c.Width)
			rows("bias", 1)
			from += part.rows
		}
		as(layer+"self_attn.o_proj.weight", block+"attn.out.weight", c.Width, q)
		as(layer+"self_attn.o_proj.bias", block+"attn.out.bias", c.Width)
		as(layer+"self_attn.sinks", block+"attn.sinks", c.Heads)
		as(layer+"input_layernorm.weight", block+"attn.norm.scale", c.Width)
		as(layer+"post_attention_layernorm.weight", block+"mlp.norm.scale", c.Width)
		as(layer+"mlp.router.weight", block+"mlp.gate.weight", c.Experts, c.Width)
		as(layer+"mlp.router.bias", block+"mlp.gate.bias", c.Experts)
		as(layer+"mlp.experts.gate_up_proj", block+"mlp.mlp1_weight", c.Experts, 2*c.Inner, c.Width)
		as(layer+"mlp.experts.gate_up_proj_bias", block+"mlp.mlp1_bias", c.Experts, 2*c.Inner)
		as(layer+"mlp.experts.down_proj", block+"mlp.mlp2_weight", c.Experts, c.Width, c.Inner)
		as(layer+"mlp.experts.down_proj_bias", block+"mlp.mlp2_bias", c.Experts, c.Width)
	}
	return [][]weights.Whole{nil, original}
}
