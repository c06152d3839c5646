package llama

import (
	"cmp"
	"fmt"

	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/ops"
)

// Config is the size and the variant of a Llama, under the keys of transformers' LlamaConfig. Start from one of [Sizes]
// or from [New].
type Config struct {
	Vocab    int `json:"vocab_size"`                        // tokens
	Context  int `json:"max_position_embeddings"`           // positions a sequence may have
	Width    int `json:"hidden_size"`                       // of the residual stream, C
	Layers   int `json:"num_hidden_layers"`                 // blocks
	Heads    int `json:"num_attention_heads"`               // of queries
	KVHeads  int `json:"num_key_value_heads" config:"null"` // of keys and values; 0 stands for Heads
	HeadSize int `json:"head_dim" config:"null"`            // columns of a head; 0 stands for Width/Heads
	Inner    int `json:"intermediate_size"`                 // of the feed-forward part

	Epsilon float64 `json:"rms_norm_eps"` // added to a mean square; 1e-5, but 1e-6 in Llama 1

	// Rotary holds the frequencies of positions, and Theta their base if Rotary has none; 0 stands for
	// 10,000.
	Rotary family.Rotary `json:"rope_parameters" config:"null"`
	Theta  float64       `json:"rope_theta,omitempty" config:"null"`

	AttentionBias bool `json:"attention_bias"` // the four layers of attention have biases
	MLPBias       bool `json:"mlp_bias"`       // and so have the three of the feed-forward part

	AttentionDropout float64 `json:"attention_dropout"`
	ResidualDropout  float64 `json:"resid_dropout"`       // on what a branch adds; transformers has none
	InitStd          float64 `json:"initializer_range"`   // standard deviation of the initial weights; 0.02
	Tied             bool    `json:"tie_word_embeddings"` // the head shares the token embedding
}

// New returns a configuration of the given size with Llama 2's other settings.
func New(vocab, context, width, layers, heads int) Config {
	return Config{
		Vocab: vocab, Context: context, Width: width, Layers: layers, Heads: heads, Inner: 8 * width / 3,
		Epsilon: 1e-5, InitStd: 0.02,
	}
}

// with returns c with the given heads of keys and values, inner width, base of frequencies and head.
func (c Config) with(kv, inner int, theta float64, tied bool) Config {
	c.KVHeads, c.Inner, c.Theta, c.Tied = kv, inner, theta, tied
	return c
}

// llama3 has the frequencies of Llama 3.2, stretched from 8,192 positions.
const llama3 family.Rotary = `{"rope_type":"llama3","rope_theta":500000.0,"factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192}`

// Sizes returns published models, and one for CPUs.
func Sizes() []family.Named {
	small := New(128256, 131072, 2048, 16, 32).with(8, 8192, 0, true)
	middle := New(128256, 131072, 3072, 28, 24).with(8, 8192, 0, true)
	small.Rotary, middle.Rotary = llama3, llama3
	return []family.Named{
		{Name: "llama-nano", About: "for CPUs: 4 layers, 128 wide", Model: New(65, 64, 128, 4, 4).with(2, 352, 0, true)},
		{Name: "stories260k", About: "Karpathy, children's stories, 260K", Model: New(512, 512, 64, 5, 8).with(4, 172, 0, true)},
		{Name: "stories15m", About: "Karpathy, children's stories, 15M", Model: New(32000, 256, 288, 6, 6).with(6, 768, 0, true)},
		{Name: "stories110m", About: "Karpathy, children's stories, 110M", Model: New(32000, 1024, 768, 12, 12).with(12, 2048, 0, true)},
		{Name: "smollm2-135m", About: "Hugging Face, 135M", Model: New(49152, 8192, 576, 30, 9).with(3, 1536, 1e5, true)},
		{Name: "smollm2-360m", About: "Hugging Face, 362M", Model: New(49152, 8192, 960, 32, 15).with(5, 2560, 1e5, true)},
		{Name: "smollm2-1.7b", About: "Hugging Face, 1.71B", Model: New(49152, 8192, 2048, 24, 32).with(32, 8192, 130000, true)},
		{Name: "tinyllama-1.1b", About: "Zhang et al. 2024, 1.10B", Model: New(32000, 2048, 2048, 22, 32).with(4, 5632, 0, false)},
		{Name: "llama-2-7b", About: "Meta 2023, 6.74B", Model: New(32000, 4096, 4096, 32, 32).with(32, 11008, 0, false)},
		{Name: "llama-2-70b", About: "Meta 2023, 69.0B", Model: New(32000, 4096, 8192, 80, 64).with(8, 28672, 0, false)},
		{Name: "llama-3-8b", About: "Meta 2024, 8.03B", Model: New(128256, 8192, 4096, 32, 32).with(8, 14336, 5e5, false)},
		{Name: "llama-3.2-1b", About: "Meta 2024, 1.24B", Model: small},
		{Name: "llama-3.2-3b", About: "Meta 2024, 3.21B", Model: middle},
	}
}

// maxSize bounds what a file may ask for. It is far above what any model has.
const maxSize = 1 << 24

// Validate returns what is wrong with settings other than sizes and rates, or nil.
func (c Config) Validate() error {
	switch {
	case c.Heads < 1:
		return fmt.Errorf("num_attention_heads is %d, want 1 or more", c.Heads)
	case c.KVHeads < 0 || c.Heads%c.kvHeads() != 0:
		return fmt.Errorf("num_key_value_heads is %d, want a divisor of the %d heads", c.KVHeads, c.Heads)
	case c.HeadSize < 0 || c.HeadSize > maxSize:
		return fmt.Errorf("head_dim is %d, want 1 to %d, or null", c.HeadSize, maxSize)
	case c.Inner < 1 || c.Inner > maxSize:
		return fmt.Errorf("intermediate_size is %d, want 1 to %d", c.Inner, maxSize)
	}
	_, err := c.rotary()
	return err
}

// rotary returns how queries and keys are rotated.
func (c Config) rotary() (ops.RotaryOptions, error) {
	return c.Rotary.Options(c.Theta, 0, c.headSize())
}

// kvHeads is the number of heads of keys and values.
func (c Config) kvHeads() int { return cmp.Or(c.KVHeads, c.Heads) }

// headSize is the number of columns of a head, D.
func (c Config) headSize() int {
	if c.HeadSize != 0 || c.Heads < 1 { // declaring the graph reports Heads < 1
		return c.HeadSize
	}
	return c.Width / c.Heads
}

func init() {
	standard := New(32000, 2048, 4096, 32, 32)
	standard.Inner, standard.Epsilon = 11008, 1e-6
	family.Register(family.Family{
		Type: "llama", Architecture: "LlamaForCausalLM", Default: standard, Sizes: Sizes(),
		Aliases: map[string]string{"rope_scaling": "rope_parameters"},
		Only: []family.Only{
			{Key: "hidden_act", Values: []string{`"silu"`, `"swish"`, "null"}, Why: "the feed-forward part is a SwiGLU"},
			{Key: "rope_interleaved", Values: []string{"false", "null"}, Why: "pairs are the columns m and m+D/2 of a head"},
		},
		// pretraining_tp once split products into slices with the same sums; transformers 5 no longer has it.
		// The others are in published files, and nothing reads them.
		Harmless: []string{"pretraining_tp", "is_llama_config", "max_sequence_length", "transformers.js_config"},
		Prefix:   "model.",
		Buffers:  []string{"layers.*.self_attn.rotary_emb.inv_freq"},
		GGUF:     inGGUF(),
	})
}
