package mixtral

import (
	"cmp"
	"fmt"
	"math"

	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/ops"
)

// Config is the size and the variant of a Mixtral, under the keys of transformers' MixtralConfig. Start from one of [Sizes]
// or from [New].
type Config struct {
	Vocab    int `json:"vocab_size"`                        // tokens; 32,000 in the published models
	Context  int `json:"max_position_embeddings"`           // positions a sequence may have
	Width    int `json:"hidden_size"`                       // of the residual stream, C
	Layers   int `json:"num_hidden_layers"`                 // blocks
	Heads    int `json:"num_attention_heads"`               // of queries
	KVHeads  int `json:"num_key_value_heads" config:"null"` // of keys and values; 0 stands for Heads
	HeadSize int `json:"head_dim" config:"null"`            // columns of a head; 0 stands for Width/Heads
	Inner    int `json:"intermediate_size"`                 // of an expert, I
	Experts  int `json:"num_local_experts"`                 // E
	PerToken int `json:"num_experts_per_tok"`               // experts of a token

	Window  int     `json:"sliding_window" config:"null"` // how many positions one sees, itself included; 0 stands for all
	Epsilon float64 `json:"rms_norm_eps"`                 // added to a mean square; 1e-5

	// Rotary holds the frequencies of positions, and Theta their base if Rotary has none; 0 stands for
	// 1,000,000.
	Rotary family.Rotary `json:"rope_parameters" config:"null"`
	Theta  float64       `json:"rope_theta,omitempty" config:"null"`

	// BalanceLoss adds Balance times the joint balance of all layers' routers to the loss, as in
	// transformers.
	BalanceLoss bool    `json:"output_router_logits"`
	Balance     float64 `json:"router_aux_loss_coef"`
	Jitter      float64 `json:"router_jitter_noise"` // the input of a block's experts is multiplied by 1 ± Jitter in training

	AttentionDropout float64 `json:"attention_dropout"`
	InitStd          float64 `json:"initializer_range"`   // standard deviation of the initial weights; 0.02
	Tied             bool    `json:"tie_word_embeddings"` // the head shares the token embedding; not in the published models
}

// New returns a configuration of the given size with Mixtral's other settings: eight experts, of which a
// token uses two, and a loss that balances them, with Mixtral's coefficient of 0.02.
func New(vocab, context, width, layers, heads int) Config {
	return Config{
		Vocab: vocab, Context: context, Width: width, Layers: layers, Heads: heads, Inner: 7 * width / 2,
		Experts: 8, PerToken: 2, Epsilon: 1e-5, BalanceLoss: true, Balance: 0.02, InitStd: 0.02,
	}
}

// Sizes returns the published models, and one for CPUs.
func Sizes() []family.Named {
	nano := New(65, 64, 128, 4, 4)
	nano.KVHeads, nano.Inner = 2, 176 // two experts have as many weights as a plain MLP of four times the width
	small, large := New(32000, 32768, 4096, 32, 32), New(32000, 65536, 6144, 56, 48)
	small.KVHeads, large.KVHeads = 8, 8
	large.Inner = 16384
	return []family.Named{
		{Name: "mixtral-nano", About: "for CPUs: 4 layers, 128 wide, 8 experts", Model: nano},
		{Name: "mixtral-8x7b", About: "Mistral AI, 46.7B, 12.9B active per token", Model: small},
		{Name: "mixtral-8x22b", About: "Mistral AI, 141B, 39B active per token", Model: large},
	}
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
	case c.Window < 0 || c.Window > maxSize:
		return fmt.Errorf("sliding_window is %d, want 1 to %d, or null", c.Window, maxSize)
	case !(c.Balance >= 0 && c.Balance <= math.MaxFloat32):
		return fmt.Errorf("router_aux_loss_coef is %v, want 0 or more", c.Balance)
	case !(c.Jitter >= 0 && c.Jitter < 1):
		return fmt.Errorf("router_jitter_noise is %v, want 0 to below 1", c.Jitter)
	}
	_, err := c.rotary()
	return err
}

// rotary returns how queries and keys are rotated.
func (c Config) rotary() (ops.RotaryOptions, error) {
	return c.Rotary.Options(c.Theta, 1e6, c.headSize())
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
	standard := New(32000, 131072, 4096, 32, 32)
	standard.KVHeads, standard.BalanceLoss, standard.Balance = 8, false, 0.001
	family.Register(family.Family{
		Type: "mixtral", Architecture: "MixtralForCausalLM", Default: standard, Sizes: Sizes(),
		Aliases: map[string]string{"rope_scaling": "rope_parameters", "num_experts": "num_local_experts"},
		Only: []family.Only{
			{Key: "hidden_act", Values: []string{`"silu"`, `"swish"`, "null"}, Why: "experts are SwiGLUs"},
		},
		Prefix: "model.",
		Forms:  forms,
	})
}
