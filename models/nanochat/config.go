package nanochat

import (
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/ops"
)

// Config is the size and the variant of a nanochat, under the keys of transformers' NanoChatConfig. Start from
// one of [Sizes] or from [New].
type Config struct {
	Vocab   int `json:"vocab_size"`                        // tokens; 65,536 in the published models
	Context int `json:"max_position_embeddings"`           // positions a sequence may have; 2,048 in the published models
	Width   int `json:"hidden_size"`                       // of the residual stream, C; 64 times the layers in the published models
	Layers  int `json:"num_hidden_layers"`                 // blocks
	Heads   int `json:"num_attention_heads"`               // of queries; of 128 columns in the published models
	KVHeads int `json:"num_key_value_heads" config:"null"` // of keys and values; 0 stands for Heads
	Inner   int `json:"intermediate_size"`                 // of the feed-forward part; 4·Width in the published models

	// SoftCap keeps logits within ±SoftCap; 0 is no bound.
	SoftCap float64 `json:"final_logit_softcapping" config:"null"`
	Epsilon float64 `json:"rms_norm_eps"` // added to a mean square; 1e-6

	// Rotary holds the frequencies of positions, and Theta their base if Rotary has none; 0 stands for
	// 10,000.
	Rotary family.Rotary `json:"rope_parameters" config:"null"`
	Theta  float64       `json:"rope_theta,omitempty" config:"null"`

	AttentionDropout float64 `json:"attention_dropout"`
	InitStd          float64 `json:"initializer_range"`   // standard deviation of the initial embedding and head; 0.02
	Tied             bool    `json:"tie_word_embeddings"` // the head shares the token embedding; not in the published models

	// The following fields are for training; transformers ignores them.

	EmbedDropout    float64 `json:"embed_dropout"`
	ResidualDropout float64 `json:"resid_dropout"`
	// Initializer says how the matrices of blocks are initialized.
	Initializer Initializer `json:"initializer"`
}

// Initializer names an initialization for the matrices of blocks.
type Initializer string

// The initializers.
const (
	Normal Initializer = "normal" // N(0, InitStd), the last of a branch smaller by √(2·Layers), as in GPT-2
	FanIn  Initializer = "fan_in" // N(0, 1/√C), the last of a branch 0, as in nanochat's own code
)

// New returns a configuration of the given size with nanochat's other settings and no dropout.
func New(vocab, context, width, layers, heads int) Config {
	return Config{
		Vocab: vocab, Context: context, Width: width, Layers: layers, Heads: heads, Inner: 4 * width,
		SoftCap: 15, Epsilon: 1e-6, InitStd: 0.02, Initializer: FanIn,
	}
}

// Sizes returns the published models, and one for CPUs.
func Sizes() []family.Named {
	return []family.Named{
		{Name: "nanochat-nano", About: "for CPUs: 4 layers, 128 wide", Model: New(65, 64, 128, 4, 4)},
		{Name: "nanochat-d20", About: "Karpathy, trained for 100 dollars, 561M", Model: New(65536, 2048, 1280, 20, 10)},
		{Name: "nanochat-d32", About: "Karpathy, trained for 1,000 dollars, 1.88B", Model: New(65536, 2048, 2048, 32, 16)},
	}
}

// maxInner bounds what a file may ask for. It is far above what any model has.
const maxInner = 1 << 24

// Validate returns what is wrong with settings other than sizes and rates, or nil.
func (c Config) Validate() error {
	switch {
	case c.Heads < 1:
		return fmt.Errorf("num_attention_heads is %d, want 1 or more", c.Heads)
	case c.KVHeads < 0 || c.Heads%c.kvHeads() != 0:
		return fmt.Errorf("num_key_value_heads is %d, want a divisor of the %d heads", c.KVHeads, c.Heads)
	case c.Inner < 1 || c.Inner > maxInner:
		return fmt.Errorf("intermediate_size is %d, want 1 to %d", c.Inner, maxInner)
	case !(c.SoftCap >= 0 && c.SoftCap <= math.MaxFloat32):
		return fmt.Errorf("final_logit_softcapping is %v, want a number above 0, or null", c.SoftCap)
	case c.Initializer != Normal && c.Initializer != FanIn:
		return fmt.Errorf("initializer is %q, want %s or %s", c.Initializer, Normal, FanIn)
	}
	_, err := c.rotary()
	return err
}

// rotary returns how queries and keys are rotated: in the opposite direction to Llama's.
func (c Config) rotary() (ops.RotaryOptions, error) {
	o, err := c.Rotary.Options(c.Theta, 0, c.headSize())
	o.Reversed = true
	return o, err
}

// kvHeads is the number of heads of keys and values.
func (c Config) kvHeads() int {
	if c.KVHeads == 0 {
		return c.Heads
	}
	return c.KVHeads
}

// headSize is the number of columns of a head, D.
func (c Config) headSize() int { return c.Width / max(1, c.Heads) }

// weights returns the settings of a block's layers.
func (c Config) weights() layers.BranchWeights {
	if c.Initializer == FanIn {
		return layers.BranchWeights{Init: graph.Normal(1 / math.Sqrt(float64(c.Width))), ResidualInit: graph.Zeros(), NoBias: true}
	}
	last := graph.Normal(c.InitStd / math.Sqrt(float64(2*c.Layers)))
	return layers.BranchWeights{Init: graph.Normal(c.InitStd), ResidualInit: last, NoBias: true}
}

// norm returns the settings of a norm over groups of the given number of columns, 0 for all.
func (c Config) norm(columns int) layers.RMS {
	return layers.RMS{Epsilon: c.Epsilon, Columns: columns, NoGain: true}
}

func init() {
	standard := New(50304, 2048, 768, 12, 6)
	standard.Inner, standard.Initializer = 8192, Normal
	family.Register(family.Family{
		Type: "nanochat", Architecture: "NanoChatForCausalLM", Default: standard, Sizes: Sizes(),
		Aliases: map[string]string{"rope_scaling": "rope_parameters"},
		Only: []family.Only{
			{Key: "hidden_act", Values: []string{`"relu2"`, "null"}, Why: "the activation is a squared ReLU"},
			{Key: "attention_bias", Values: []string{"false", "null"}, Why: "no layer has a bias"},
		},
		Prefix: "model.",
	})
}
