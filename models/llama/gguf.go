package llama

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/ops"
)

// inGGUF describes how llama.cpp's files hold a Llama.
func inGGUF() family.GGUF {
	return family.GGUF{
		Architecture: "llama",
		Keys: map[string]string{
			"max_position_embeddings": "context_length", "hidden_size": "embedding_length", "num_hidden_layers": "block_count",
			"num_attention_heads": "attention.head_count", "intermediate_size": "feed_forward_length", "rms_norm_eps": "attention.layer_norm_rms_epsilon",
		},
		Optional: map[string]string{"num_key_value_heads": "attention.head_count_kv", "head_dim": "attention.key_length", "rope_theta": "rope.freq_base"},
		// Others that are not read tell which of Meta's formats a file was made from (tensor_data_layout),
		// and whether the model was trained further with scaled frequencies (rope.scaling.finetuned).
		Others: []string{
			"attention.value_length", "rope.dimension_count", "rope.scaling.type", "rope.scaling.factor",
			"rope.scaling.original_context_length", "expert_count", "expert_used_count", "rope.scaling.finetuned", "tensor_data_layout",
		},
		Stems: map[string]string{
			"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output",
			"layers.*.input_layernorm":  "blk.*.attn_norm",
			"layers.*.self_attn.q_proj": "blk.*.attn_q", "layers.*.self_attn.k_proj": "blk.*.attn_k",
			"layers.*.self_attn.v_proj": "blk.*.attn_v", "layers.*.self_attn.o_proj": "blk.*.attn_output",
			"layers.*.post_attention_layernorm": "blk.*.ffn_norm",
			"layers.*.mlp.gate_proj":            "blk.*.ffn_gate", "layers.*.mlp.up_proj": "blk.*.ffn_up", "layers.*.mlp.down_proj": "blk.*.ffn_down",
		},
		Extra: []string{frequencyFactors},
		Pairs: pairs, Read: fromGGUF, Write: toGGUF,
	}
}

// frequencyFactors is the tensor of the numbers that Llama 3's frequencies are divided by, one for each pair
// of columns.
const frequencyFactors = "rope_freqs.weight"

// pairs returns the number of heads whose rows are rotated in a parameter.
func pairs(m family.Model, stem string) int {
	switch c := m.(Config); {
	case strings.HasSuffix(stem, ".q_proj"):
		return c.Heads
	case strings.HasSuffix(stem, ".k_proj"):
		return c.kvHeads()
	}
	return 0
}

// fromGGUF reads the metadata that a config.json expresses differently.
func fromGGUF(f *gguf.File, config map[string]any) error {
	meta := f.Meta()
	heads, _ := config["num_attention_heads"].(int)
	width, _ := config["hidden_size"].(int)
	size, given := config["head_dim"].(int)
	if !given && heads > 0 {
		size = width / heads
	}
	for _, key := range []string{"llama.attention.value_length", "llama.rope.dimension_count"} {
		if n, err := meta.Int(key, size); err != nil || n != size {
			return fmt.Errorf("%s is %v, want %d, the number of columns of a query head", key, meta.Get(key), size)
		}
	}
	if n, err := meta.Int("llama.expert_count", 0); err != nil || n != 0 {
		return fmt.Errorf("llama.expert_count is %v, want 0: a mixture of experts can be read only from a Hugging Face directory", meta.Get("llama.expert_count"))
	}
	for key, tensor := range map[string]string{"attention_bias": "blk.0.attn_q.bias", "mlp_bias": "blk.0.ffn_up.bias"} {
		_, config[key] = f.Lookup(tensor)
	}
	rotary, err := rotaryOf(f, size, config["rope_theta"])
	if err == nil && rotary != nil {
		config["rope_parameters"] = rotary
	}
	return err
}

// rotaryOf returns rope_parameters, or nil for frequencies that are not scaled.
func rotaryOf(f *gguf.File, size int, theta any) (map[string]any, error) {
	meta := f.Meta()
	kind, err := meta.Text("llama.rope.scaling.type", "none")
	if err != nil {
		return nil, err
	}
	factor, err := meta.Float("llama.rope.scaling.factor", 0)
	if err != nil {
		return nil, err
	}
	if _, is := f.Lookup(frequencyFactors); is {
		if kind != "none" {
			return nil, fmt.Errorf("llama.rope.scaling.type is %s, but there is also a tensor %s: want only one of them", weights.Show(kind), frequencyFactors)
		}
		return llama3Of(f, size, theta)
	}
	switch kind {
	case "none":
		if factor != 0 && factor != 1 {
			return nil, fmt.Errorf("llama.rope.scaling.factor is %v without llama.rope.scaling.type", factor)
		}
		return nil, nil
	case "linear":
		return map[string]any{"rope_type": kind, "factor": factor}, nil
	case "yarn":
		positions, err := meta.Int("llama.rope.scaling.original_context_length", 0)
		return map[string]any{"rope_type": kind, "factor": factor, "original_max_position_embeddings": positions}, err
	}
	return nil, fmt.Errorf("llama.rope.scaling.type is %s, want none, linear or yarn", weights.Show(kind))
}

// Llama 3.1 and its successors have these besides their factor. Files of llama.cpp do not hold them.
const (
	llama3Low, llama3High = 1.0, 4.0
	llama3Positions       = 8192
)

// maxFactorError bounds the relative error in a factor due to float32 powers and angles; 1e-6 was measured.
const maxFactorError = 1e-4

// llama3Of returns rope_parameters for Llama 3's frequencies, if those are in the tensor.
func llama3Of(f *gguf.File, size int, theta any) (map[string]any, error) {
	info, _ := f.Lookup(frequencyFactors)
	if info.Size() != size/2 || size < 2 {
		return nil, fmt.Errorf("%s is %s, want (%d)", frequencyFactors, weights.ShapeText(info.Shape), size/2)
	}
	got := make([]float32, info.Size())
	if err := f.Read(frequencyFactors, got); err != nil {
		return nil, err
	}
	base, _ := theta.(float64)
	factor := float64(slices.Max(got))
	for m, want := range factors(size, cmp.Or(base, 10000), factor, llama3Low, llama3High, llama3Positions) {
		if !(math.Abs(float64(got[m])/want-1) <= maxFactorError) {
			return nil, fmt.Errorf("%s has %v for pair %d, want %v, for Llama 3's frequencies stretched by a factor of %v", frequencyFactors, got[m], m, want, factor)
		}
	}
	return map[string]any{
		"rope_type": "llama3", "factor": factor, "low_freq_factor": llama3Low, "high_freq_factor": llama3High,
		"original_max_position_embeddings": llama3Positions,
	}, nil
}

// factors returns what the frequencies of pairs are divided by: see [ops.RotaryScaling].
func factors(size int, theta, factor, low, high, positions float64) []float64 {
	all := make([]float64, size/2)
	for m := range all {
		turns := positions * math.Pow(theta, -2*float64(m)/float64(size)) / (2 * math.Pi)
		part := min(max((turns-low)/(high-low), 0), 1)
		all[m] = 1 / (part + (1-part)/factor)
	}
	return all
}

// toGGUF is the inverse of [fromGGUF].
func toGGUF(m family.Model) (meta gguf.Meta, extra []gguf.Tensor, err error) {
	c := m.(Config)
	o, err := c.rotary()
	if err != nil {
		return nil, nil, err
	}
	put := func(key string, v any) { meta = append(meta, gguf.Value{Key: "llama." + key, Value: v}) }
	put("rope.dimension_count", uint32(c.headSize()))
	if c.HeadSize != 0 {
		put("attention.value_length", uint32(c.HeadSize))
	}
	if c.Theta == 0 && o.Theta != 0 { // otherwise rope_theta is written like other keys
		put("rope.freq_base", float32(o.Theta))
	}
	switch s := o.Scaling; s.Type {
	case "", "default":
	case "linear":
		put("rope.scaling.type", s.Type)
		put("rope.scaling.factor", float32(s.Factor))
	case "yarn":
		if !plainYarn(s) {
			return nil, nil, fmt.Errorf("rope_parameters has more than yarn's factor and original_max_position_embeddings, which cannot be written: %s", c.Rotary)
		}
		put("rope.scaling.type", s.Type)
		put("rope.scaling.factor", float32(s.Factor))
		put("rope.scaling.original_context_length", uint32(s.OriginalPositions))
	case "llama3":
		all := factors(c.headSize(), cmp.Or(o.Theta, 10000), s.Factor, s.LowFactor, s.HighFactor, float64(s.OriginalPositions))
		data := make([]float32, len(all))
		for i, v := range all {
			data[i] = float32(v)
		}
		extra = []gguf.Tensor{{Name: frequencyFactors, Shape: []int{len(data)}, Type: weights.F32, Data: func() []float32 { return data }}}
	default:
		return nil, nil, fmt.Errorf("llama.cpp does not support rope_type %q", s.Type)
	}
	return meta, extra, nil
}

// plainYarn reports whether YaRN's settings, besides the factor and the original positions, are those that llama.cpp assumes.
func plainYarn(s ops.RotaryScaling) bool {
	plain := ops.RotaryScaling{Type: s.Type, Factor: s.Factor, OriginalPositions: s.OriginalPositions}
	if s.Truncate != nil && *s.Truncate {
		s.Truncate = nil
	}
	if s.BetaFast == 32 {
		s.BetaFast = 0
	}
	if s.BetaSlow == 1 {
		s.BetaSlow = 0
	}
	return s == plain
}
