package llama_test

import (
	"fmt"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/llama"
)

func ExampleNew() {
	c := llama.New(32000, 4096, 4096, 32, 32)
	c.Inner = 11008
	s := graph.New(graph.NewParams(1))
	models.Logits(c, s, s.Ints("tokens", 1, 1))
	fmt.Println(graph.Sum(s.Nodes()).Params, s.Err())
	// Output: 6738415616 <nil>
}

func ExampleSizes() {
	for _, size := range llama.Sizes() {
		if c := size.Model.(llama.Config); c.Rotary != "" {
			fmt.Println(size.Name, c.Layers, "layers,", c.Context, "positions")
		}
	}
	// Output:
	// llama-3.2-1b 16 layers, 131072 positions
	// llama-3.2-3b 28 layers, 131072 positions
}

// Two query heads share one head of keys and values.
func ExampleConfig_Body() {
	c := llama.New(11, 8, 16, 1, 2)
	c.KVHeads, c.Tied = 1, true
	s := graph.New(graph.NewParams(1))
	models.Logits(c, s, s.Ints("tokens", 1, 3))
	for _, p := range s.Params().All() {
		fmt.Println(p.Name(), p.Shape())
	}
	// Output:
	// embed_tokens.weight (11, 16)
	// layers.0.input_layernorm.weight (16)
	// layers.0.self_attn.q_proj.weight (16, 16)
	// layers.0.self_attn.k_proj.weight (8, 16)
	// layers.0.self_attn.v_proj.weight (8, 16)
	// layers.0.self_attn.o_proj.weight (16, 16)
	// layers.0.post_attention_layernorm.weight (16)
	// layers.0.mlp.gate_proj.weight (42, 16)
	// layers.0.mlp.up_proj.weight (42, 16)
	// layers.0.mlp.down_proj.weight (16, 42)
	// norm.weight (16)
}

// TestPublished reads the config.json of published models, with the keys of several versions of transformers,
// and compares everything that affects the results with the catalogue.
func TestPublished(t *testing.T) {
	for name, text := range map[string]string{
		// huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct
		"smollm2-135m": `"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
			"hidden_size": 576, "initializer_range": 0.02, "intermediate_size": 1536, "is_llama_config": true, "max_position_embeddings": 8192, "mlp_bias": false,
			"num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3, "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_interleaved": false,
			"rope_scaling": null, "rope_theta": 100000, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.42.3",
			"transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16", "fp16": "float16"}}, "use_cache": true, "vocab_size": 49152`,
		// huggingface.co/TinyLlama/TinyLlama-1.1B-Chat-v1.0
		"tinyllama-1.1b": `"architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 2048,
			"initializer_range": 0.02, "intermediate_size": 5632, "max_position_embeddings": 2048, "num_attention_heads": 32, "num_hidden_layers": 22, "num_key_value_heads": 4,
			"pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000.0, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
			"transformers_version": "4.35.0", "use_cache": true, "vocab_size": 32000`,
		// huggingface.co/meta-llama/Llama-3.2-1B-Instruct
		"llama-3.2-1b": `"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009],
			"head_dim": 64, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false,
			"num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
			"rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"},
			"rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.45.0.dev0", "use_cache": true, "vocab_size": 128256`,
	} {
		m, err := models.Parse([]byte(`{"model_type": "llama", ` + text + `}`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := models.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := settings(t, m), settings(t, want); got != want {
			t.Errorf("%s: it is\n%s\nwant\n%s", name, got, want)
		}
	}
}

// settings prints what a model's graph depends on: dimensions, epsilon, and the rotary frequencies, in
// whichever keys the file specifies them.
func settings(t *testing.T, m models.Model) string {
	t.Helper()
	c := m.(llama.Config)
	o, err := c.Rotary.Options(c.Theta, 0, c.Width/c.Heads)
	if err != nil {
		t.Fatal(err)
	}
	if o.Theta == 0 {
		o.Theta = 10000
	}
	if o.Scaling.Type == "default" {
		o.Scaling.Type = ""
	}
	return fmt.Sprint(models.DimsOf(m), c.KVHeads, c.Inner, c.Epsilon, c.Tied, c.AttentionBias, c.MLPBias, o)
}

// TestErrors: an error is one line, and names the key.
func TestErrors(t *testing.T) {
	for more, want := range map[string]string{
		`"num_key_value_heads": 5`:  "llama: num_key_value_heads is 5, want a divisor of the 32 heads",
		`"num_key_value_heads": 64`: "llama: num_key_value_heads is 64, want a divisor of the 32 heads",
		`"intermediate_size": 0`:    "llama: intermediate_size is 0, want 1 to 16777216",
		`"head_dim": -1`:            "llama: head_dim is -1, want 1 to 16777216, or null",
		`"head_dim": 7`:             "llama: rope_scaling: 7 columns cannot be rotated in pairs; want an even number",
		`"hidden_act": "gelu"`:      `llama: config.json: hidden_act is "gelu", want "silu" or "swish" or null: the feed-forward part is a SwiGLU`,
		`"rope_interleaved": true`:  `llama: config.json: rope_interleaved is true, want false or null: pairs are the columns m and m+D/2 of a head`,
		`"rope_theta": 0`:           "llama: config.json: rope_theta is 0, want more than 0, or null",
		`"rope_theta": 10000, "rope_parameters": {"rope_theta": 500000}`: "llama: rope_theta is 10000, and in rope_parameters 500000: want the same base",
		`"rope_theta": -1`: "llama: rope_scaling: a base of -1 has no frequencies",
		`"rope_scaling": {"rope_type": "dynamic", "factor": 2}`:            `llama: rope_scaling: rope_type is "dynamic", want default, linear, ntk, yarn or llama3`,
		`"rope_scaling": {"type": "linear", "factor": 2, "beta_fast": 32}`: `llama: rope_scaling: linear has no key "beta_fast"; it has factor, rope_theta, partial_rotary_factor`,
		`"rope_scaling": {"type": "linear"}`:                               "llama: rope_scaling: linear has a factor of 0, want 1 or more",
		`"rope_scaling": 2`:                                                "llama: rope_parameters: want an object, got 2",
		`"rope_parameters": {"partial_rotary_factor": 0.5}`:                "llama: rope_parameters: partial_rotary_factor rotates 64 of 128 columns, want all",
		`"rms_norm_eps": -1`:                                               "llama: rms_norm_eps is -1, want a number above 0",
		`"sliding_window": 4096`:                                           `llama: config.json: unknown key "sliding_window". It may change what the model computes; if not, remove it from the file`,
		`"embedding_multiplier": 12`:                                       `llama: config.json: unknown key "embedding_multiplier". It may change what the model computes; if not, remove it from the file`,
		`"no_rope_layers": [1, 1]`:                                         `llama: config.json: unknown key "no_rope_layers". It may change what the model computes; if not, remove it from the file`,
		`"final_logit_softcapping": 30.0`:                                  `llama: config.json: unknown key "final_logit_softcapping". It may change what the model computes; if not, remove it from the file`,
		`"quantization_config": {"quant_method": "gptq"}`:                  `llama: config.json: quantization_config is {"quant_method":"gptq"}, want null: the weights must be plain numbers; save them dequantized`,
	} {
		if _, err := models.Parse([]byte(`{"model_type": "llama", ` + more + `}`)); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", more, err, want)
		}
	}
}
