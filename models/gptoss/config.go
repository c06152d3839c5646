package gptoss

import (
	"cmp"
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/ops"
)

// Config is the size and the variant of a gpt-oss, under the keys of transformers' GptOssConfig. Start from one of [Sizes] or from
// [New].
type Config struct {
	Vocab    int `json:"vocab_size"`                        // tokens; 201,088 in the published models
	Context  int `json:"max_position_embeddings"`           // positions a sequence may have
	Width    int `json:"hidden_size"`                       // of the residual stream, C
	Layers   int `json:"num_hidden_layers"`                 // blocks
	Heads    int `json:"num_attention_heads"`               // of queries
	KVHeads  int `json:"num_key_value_heads" config:"null"` // of keys and values; 0 stands for Heads
	HeadSize int `json:"head_dim" config:"null"`            // columns of a head; 0 stands for Width/Heads
	Inner    int `json:"intermediate_size"`                 // of an expert, I
	Experts  int `json:"num_local_experts"`                 // E
	PerToken int `json:"num_experts_per_tok"`               // experts of a token

	// Types are the kinds of all layers; "" stands for sliding and full layers in turn.
	Types Kinds `json:"layer_types,omitempty"`
	// Window is how many positions a position of a sliding layer sees, itself included; 128 in the published
	// models.
	Window  int     `json:"sliding_window"`
	Epsilon float64 `json:"rms_norm_eps"` // added to a mean square; 1e-5

	// Rotary holds the frequencies of positions; "" stands for the YaRN of the published models. Theta is
	// their base if Rotary has none; 0 stands for 150,000.
	Rotary family.Rotary `json:"rope_parameters" config:"null"`
	Theta  float64       `json:"rope_theta,omitempty" config:"null"`

	Limit float64 `json:"swiglu_limit"` // on gates and what they gate; 7
	Alpha float64 `json:"swiglu_alpha"` // factor in the gate's logistic function; 1.702

	// BalanceLoss adds Balance times the joint balance of all layers' routers to the loss, as in
	// transformers.
	BalanceLoss bool    `json:"output_router_logits"`
	Balance     float64 `json:"router_aux_loss_coef"`

	AttentionDropout float64   `json:"attention_dropout"`
	InitStd          float64   `json:"initializer_range"`   // standard deviation of the initial weights; 0.02
	Tied             bool      `json:"tie_word_embeddings"` // the head shares the token embedding; not in the published models
	Quantized        quantized `json:"quantization_config,omitempty"`
}

const (
	gateLimit = 7
	gateAlpha = 1.702 // that of ops.QuickGELU

	theta = 150000
	// yarn is what the published models have, and transformers' default.
	yarn family.Rotary = `{"rope_type":"yarn","factor":32.0,"beta_fast":32.0,"beta_slow":1.0,"truncate":false,"original_max_position_embeddings":4096}`
	// plain has unscaled frequencies.
	plain family.Rotary = `{"rope_type":"default","rope_theta":150000}`
)

// New returns a configuration of the given size with gpt-oss's other settings, except that positions are not
// stretched: eight experts, of which a token uses four, and a loss that balances them, with the published
// coefficient.
func New(vocab, context, width, layers, heads int) Config {
	return Config{
		Vocab: vocab, Context: context, Width: width, Layers: layers, Heads: heads, Inner: width, Experts: 8, PerToken: 4,
		Window: 128, Epsilon: 1e-5, Rotary: plain, Limit: gateLimit, Alpha: gateAlpha, BalanceLoss: true, Balance: 0.9, InitStd: 0.02,
	}
}

// Sizes returns the published models, and one for CPUs.
func Sizes() []family.Named {
	nano := New(65, 64, 128, 4, 4)
	nano.KVHeads, nano.HeadSize, nano.PerToken, nano.Window, nano.Balance = 2, 32, 2, 16, 0.01
	return []family.Named{
		{Name: "gptoss-nano", About: "for CPUs: 4 layers, 128 wide, 8 experts", Model: nano},
		{Name: "gpt-oss-20b", About: "OpenAI, 20.9B, 3.6B active per token", Model: published(24, 32)},
		{Name: "gpt-oss-120b", About: "OpenAI, 116.8B, 5.1B active per token", Model: published(36, 128)},
	}
}

// published returns one of OpenAI's models.
func published(layers, experts int) Config {
	c := New(201088, 131072, 2880, layers, 64)
	c.KVHeads, c.HeadSize, c.Experts, c.Rotary, c.BalanceLoss = 8, 64, experts, yarn, false
	return c
}

// Limits of what a file may ask for, far above what any model has.
const maxSize, maxExperts = 1 << 24, 1 << 12

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
	case c.Experts < 1 || c.Experts > maxExperts:
		return fmt.Errorf("num_local_experts is %d, want 1 to %d", c.Experts, maxExperts)
	case c.PerToken < 1 || c.PerToken > c.Experts:
		return fmt.Errorf("num_experts_per_tok is %d, want 1 to the %d experts", c.PerToken, c.Experts)
	case c.Window < 1 || c.Window > maxSize:
		return fmt.Errorf("sliding_window is %d, want 1 to %d", c.Window, maxSize)
	case c.Limit != gateLimit:
		return fmt.Errorf("swiglu_limit is %v, want %v", c.Limit, gateLimit)
	case c.Alpha != gateAlpha:
		return fmt.Errorf("swiglu_alpha is %v, want %v", c.Alpha, gateAlpha)
	case !(c.Balance >= 0 && c.Balance <= math.MaxFloat32):
		return fmt.Errorf("router_aux_loss_coef is %v, want 0 or more", c.Balance)
	}
	_, err := c.rotary()
	return cmp.Or(c.Types.check(c.Layers), err)
}

// Sliding reports whether a layer has a sliding window.
func (c Config) Sliding(layer int) bool {
	if kinds := c.Types.list(); c.Types != "" && layer < len(kinds) { // added layers follow the published order
		return kinds[layer] == sliding
	}
	return layer%2 == 0
}

// rotary returns how queries and keys are rotated.
func (c Config) rotary() (ops.RotaryOptions, error) {
	return cmp.Or(c.Rotary, yarn).Options(c.Theta, theta, c.headSize())
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
	standard := published(36, 128)
	standard.Balance, standard.Rotary = 0.001, ""
	family.Register(family.Family{
		Type: "gpt_oss", Architecture: "GptOssForCausalLM", Default: standard, Sizes: Sizes(),
		Aliases: map[string]string{"rope_scaling": "rope_parameters", "num_experts": "num_local_experts"},
		Only: []family.Only{
			{Key: "hidden_act", Values: []string{`"silu"`, "null"}, Why: "experts have a clamped SwiGLU"},
			{Key: "attention_bias", Values: []string{"true"}, Why: "queries, keys, values and their output have biases"},
		},
		// The frequencies and num_experts_per_tok say the same as these, which transformers does not read.
		Harmless: []string{"initial_context_length", "experts_per_token"},
		Prefix:   "model.",
		Swapped:  []string{"layers.*.mlp.experts.gate_up_proj", "layers.*.mlp.experts.down_proj"},
		Forms:    forms,
	})
}
