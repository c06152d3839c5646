package gpt2

import (
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/ops"
)

// Config is the size and the variant of a GPT-2, under the keys of transformers' GPT2Config.
// Start from one of [Sizes] or from [New].
type Config struct {
	Vocab   int `json:"vocab_size"`  // tokens; 50,257 in OpenAI's models
	Context int `json:"n_positions"` // positions a sequence may have; 1,024 in OpenAI's
	Width   int `json:"n_embd"`      // of the residual stream, C
	Layers  int `json:"n_layer"`     // blocks
	Heads   int `json:"n_head"`      // per attention layer; they divide Width

	// Inner is the feed-forward layer's width; 0 stands for 4·Width, as in OpenAI's.
	Inner int `json:"n_inner" config:"null"`
	// Activation is the feed-forward layer's, "gelu_new" in OpenAI's models.
	Activation Activation `json:"activation_function"`

	// The dropout rates. OpenAI published none. 0.1 is Hugging Face's default; 0 is right while a model
	// underfits, as all of GPT-2 did (§3).
	EmbedDropout     float64 `json:"embd_pdrop"`
	AttentionDropout float64 `json:"attn_pdrop"`
	ResidualDropout  float64 `json:"resid_pdrop"`

	Epsilon float64 `json:"layer_norm_epsilon"`  // added to a layer norm's variance; 1e-5
	InitStd float64 `json:"initializer_range"`   // standard deviation of the initial weights; 0.02
	Tied    bool    `json:"tie_word_embeddings"` // the head shares the token embedding, as OpenAI's do

	// Bias gives linear layers and layer norms a bias, as in OpenAI's models. nanoGPT's small models have
	// none; transformers ignores the key.
	Bias bool `json:"bias"`
	// Attention divides its scores by the root of a head's width if Scaled is true, as in OpenAI's models. If
	// ScaleByLayer is true, it also divides them by the number of the block, counted from 1, as in the Mistral
	// GPT-2 models.
	Scaled       bool `json:"scale_attn_weights"`
	ScaleByLayer bool `json:"scale_attn_by_inverse_layer_idx"`

	// Composed declares attention as small operations, each a node of the graph, which can be inspected or
	// changed. The results are the same up to rounding.
	Composed bool `json:"-"`
}

// New returns a configuration of the given size with GPT-2's other settings and no
// dropout.
func New(vocab, context, width, layers, heads int) Config {
	return Config{
		Vocab: vocab, Context: context, Width: width, Layers: layers, Heads: heads,
		Activation: GELU, Epsilon: 1e-5, InitStd: 0.02, Tied: true, Bias: true, Scaled: true,
	}
}

// Activation names a feed-forward activation as Hugging Face does.
type Activation string

// The activations that a config.json can name.
const (
	GELU      Activation = "gelu_new" // the tanh form
	GELUErf   Activation = "gelu"     // exact
	QuickGELU Activation = "quick_gelu"
	ReLU      Activation = "relu"
	ReLU2     Activation = "relu2" // squared
	SiLU      Activation = "silu"
)

// activations are transformers' activations by their names there. Some have several names.
var activations = map[Activation]layers.Activation{
	GELU: ops.GELU, "gelu_pytorch_tanh": ops.GELU, "gelu_python_tanh": ops.GELU, "gelu_accurate": ops.GELU, "gelu_fast": ops.GELU,
	GELUErf: ops.GELUErf, "gelu_python": ops.GELUErf,
	QuickGELU: ops.QuickGELU,
	ReLU:      ops.ReLU,
	ReLU2:     ops.SquaredReLU,
	SiLU:      ops.SiLU, "swish": ops.SiLU,
}

// Check returns an error for a name that is not an activation's.
func (a Activation) Check() error { return family.OneOf("activation_function", a, activations) }

// maxInner bounds what a file may ask for. It is far above what any model has.
const maxInner = 1 << 24

// Layer returns the activation's constructor. Check rejects unknown activations.
func (a Activation) Layer() layers.Activation {
	if f := activations[a]; f != nil {
		return f
	}
	return ops.GELU
}

// inner is the feed-forward layer's width.
func (c Config) inner() int {
	if c.Inner == 0 {
		return 4 * c.Width
	}
	return c.Inner
}

// scale returns the factor for the attention scores of a block; 0 stands for 1/√D.
func (c Config) scale(block int) float64 {
	if c.Scaled && !c.ScaleByLayer {
		return 0
	}
	scale := 1.0
	if c.Scaled {
		scale /= math.Sqrt(float64(c.Width / max(1, c.Heads)))
	}
	if c.ScaleByLayer {
		scale /= float64(block + 1)
	}
	return scale
}

// Validate returns what is wrong with settings other than sizes and rates, or nil.
func (c Config) Validate() error {
	if c.Inner < 0 || c.Inner > maxInner {
		return fmt.Errorf("a feed-forward width of %d is not in 0 to %d", c.Inner, maxInner)
	}
	return c.Activation.Check()
}

// Sizes returns OpenAI's four models (Table 2) under Hugging Face's names, and two for CPUs.
func Sizes() []family.Named {
	return []family.Named{
		{Name: "gpt2-nano", About: "nanoGPT's CPU recipe: no biases, exact GELU", Model: nano()},
		{Name: "gpt2-minute", About: "the default of gorgpt train, for a minute on two cores", Model: minute()},
		{Name: "gpt2", About: "OpenAI's smallest, 124M (the paper's 117M)", Model: New(50257, 1024, 768, 12, 12)},
		{Name: "gpt2-medium", About: "355M (the paper's 345M)", Model: New(50257, 1024, 1024, 24, 16)},
		{Name: "gpt2-large", About: "774M (the paper's 762M)", Model: New(50257, 1024, 1280, 36, 20)},
		{Name: "gpt2-xl", About: "1558M (the paper's 1542M)", Model: New(50257, 1024, 1600, 48, 25)},
	}
}

// nano has a vocabulary of the characters of Tiny Shakespeare; training replaces it by its tokenizer's.
func nano() Config {
	c := New(65, 64, 128, 4, 4)
	c.Bias = false
	c.Activation = GELUErf
	return c
}

// minute has the size that trains best in a minute on two cores (see recipes/README.md). Its initial weights
// have a standard deviation of 1/√C, which GPT-2's 0.02 is close to at width 1,600; with 0.02, narrow models
// start slowly.
func minute() Config {
	c := New(4096, 128, 96, 3, 4)
	c.Bias = false
	c.Activation = GELUErf
	c.InitStd = 1 / math.Sqrt(float64(c.Width))
	return c
}

// Keys and tensors, for [family.Family], that the files of transformers' GPT-2 have besides those that are
// read. GPT-3 is stored in files of the same kind.
var (
	Harmless = []string{
		"n_ctx",                   // formerly the size of a mask
		"reorder_and_upcast_attn", // the order of two products
	}
	Buffers = []string{"h.*.attn.bias", "h.*.attn.masked_bias"}
)

// Prefix precedes the names of tensors in these files.
const Prefix = "transformer."

// Whole returns the configuration with biases, which transformers' GPT-2 always has.
func (c Config) Whole() Config {
	c.Bias = true
	return c
}

func init() {
	smallest := New(50257, 1024, 768, 12, 12)
	smallest.EmbedDropout, smallest.AttentionDropout, smallest.ResidualDropout = 0.1, 0.1, 0.1
	family.Register(family.Family{
		Type: "gpt2", Architecture: "GPT2LMHeadModel", Default: smallest, Sizes: Sizes(),
		Aliases:  family.OpenAI,
		Harmless: Harmless, Prefix: Prefix, Buffers: Buffers, GGUF: inGGUF(),
		Whole: func(m family.Model) family.Model { return m.(Config).Whole() },
	})
}
