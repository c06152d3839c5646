package gpt2

import (
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/models/family"
)

// inGGUF describes how llama.cpp's files hold a GPT-2.
func inGGUF() family.GGUF {
	return family.GGUF{
		Architecture: "gpt2",
		Keys: map[string]string{
			"n_positions": "context_length", "n_embd": "embedding_length", "n_layer": "block_count", "n_head": "attention.head_count",
			"n_inner": "feed_forward_length", "layer_norm_epsilon": "attention.layer_norm_epsilon",
		},
		Stems: map[string]string{
			"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm", "lm_head": "output",
			"h.*.ln_1": "blk.*.attn_norm", "h.*.attn.c_attn": "blk.*.attn_qkv", "h.*.attn.c_proj": "blk.*.attn_output",
			"h.*.ln_2": "blk.*.ffn_norm", "h.*.mlp.c_fc": "blk.*.ffn_up", "h.*.mlp.c_proj": "blk.*.ffn_down",
		},
		Swapped: []string{"h.*.attn.c_attn", "h.*.attn.c_proj", "h.*.mlp.c_fc", "h.*.mlp.c_proj"},
		Read: func(_ *gguf.File, config map[string]any) error {
			if width, _ := config["n_embd"].(int); config["n_inner"] == 4*width {
				config["n_inner"] = nil
			}
			return nil
		},
		Write: toGGUF,
	}
}

// tanh lists the names of the tanh form of GELU.
var tanh = []Activation{GELU, "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate", "gelu_fast"}

// toGGUF returns an error for settings that llama.cpp's GPT-2 does not have.
func toGGUF(m family.Model) (meta gguf.Meta, extra []gguf.Tensor, err error) {
	c := m.(Config)
	switch {
	case !slices.Contains(tanh, c.Activation):
		return nil, nil, fmt.Errorf("llama.cpp has GELU in the tanh form only; activation_function is %s: to export to llama.cpp, train with --set activation_function=%s", c.Activation, GELU)
	case !c.Scaled:
		return nil, nil, fmt.Errorf("llama.cpp scales attention's scores; scale_attn_weights is false")
	case c.ScaleByLayer:
		return nil, nil, fmt.Errorf("llama.cpp scales attention the same way in all layers; scale_attn_by_inverse_layer_idx is true")
	}
	if c.Inner == 0 {
		meta = gguf.Meta{{Key: "gpt2.feed_forward_length", Value: uint32(c.inner())}}
	}
	return meta, nil, nil
}
