package gpt1

import (
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/ops"
)

// Config is the size of a GPT-1, under the keys of transformers' OpenAIGPTConfig. Start from
// one of [Sizes] or from [New].
type Config struct {
	Vocab   int `json:"vocab_size"`  // tokens; 40,478 in OpenAI's model
	Context int `json:"n_positions"` // positions a sequence may have; 512 in OpenAI's
	Width   int `json:"n_embd"`      // of the residual stream, C
	Layers  int `json:"n_layer"`     // blocks
	Heads   int `json:"n_head"`      // per attention layer; they divide Width

	Activation Activation `json:"afn"` // the feed-forward layer's, GELU in OpenAI's model

	// The dropout rates, all 0.1 in the paper (§4.1): on the embedding, on the
	// attention weights, and on what attention and MLP add to the stream.
	EmbedDropout     float64 `json:"embd_pdrop"`
	AttentionDropout float64 `json:"attn_pdrop"`
	ResidualDropout  float64 `json:"resid_pdrop"`

	Epsilon float64 `json:"layer_norm_epsilon"`  // added to a layer norm's variance; 1e-5
	InitStd float64 `json:"initializer_range"`   // standard deviation of the initial weights; 0.02
	Tied    bool    `json:"tie_word_embeddings"` // the head shares the token embedding, as OpenAI's does

	// Composed declares attention as small operations, each a node of the graph, which can be inspected or
	// changed. The results are the same up to rounding.
	Composed bool `json:"-"`
}

// New returns a configuration of the given size with GPT-1's other settings and no
// dropout.
func New(vocab, context, width, layers, heads int) Config {
	return Config{
		Vocab: vocab, Context: context, Width: width, Layers: layers, Heads: heads,
		Activation: GELU, Epsilon: 1e-5, InitStd: 0.02, Tied: true,
	}
}

// Activation names a feed-forward activation as Hugging Face does.
type Activation string

// The activations that a config.json can name.
const (
	GELU Activation = "gelu" // the tanh form, in this model
	ReLU Activation = "relu"
	SiLU Activation = "silu"
)

var activations = map[Activation]layers.Activation{GELU: ops.GELU, ReLU: ops.ReLU, SiLU: ops.SiLU, "swish": ops.SiLU}

// layer returns the activation's constructor. Validate rejects unknown activations.
func (a Activation) layer() layers.Activation {
	if f := activations[a]; f != nil {
		return f
	}
	return ops.GELU
}

// Validate returns what is wrong with settings other than sizes and rates, or nil.
func (c Config) Validate() error {
	return family.OneOf("afn", c.Activation, activations)
}

// Sizes returns OpenAI's model (§4.1) under Hugging Face's name, and one for CPUs.
func Sizes() []family.Named {
	return []family.Named{
		{Name: "gpt1-nano", About: "GPT-1's block at the size of gpt2-nano", Model: New(65, 64, 128, 4, 4)},
		{Name: "openai-gpt", About: "OpenAI's GPT-1", Model: New(40478, 512, 768, 12, 12)},
	}
}

func init() {
	published := New(40478, 512, 768, 12, 12)
	published.EmbedDropout, published.AttentionDropout, published.ResidualDropout = 0.1, 0.1, 0.1
	family.Register(family.Family{
		Type: "openai-gpt", Architecture: "OpenAIGPTLMHeadModel", Default: published, Sizes: Sizes(),
		Aliases: family.OpenAI,
		Harmless: []string{
			"n_ctx", // formerly the size of a mask
			"n_special", "predict_special_tokens",
		},
		Prefix:  "transformer.",
		Buffers: []string{"h.*.attn.bias"},
	})
}
