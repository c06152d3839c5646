package gptneo

import (
	"cmp"
	"fmt"

	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// Config is the size and the variant of a GPT-Neo, under the keys of transformers' GPTNeoConfig.
type Config struct {
	Vocab   int `json:"vocab_size"`              // tokens
	Context int `json:"max_position_embeddings"` // positions a sequence may have; 2,048 in EleutherAI's models
	Width   int `json:"hidden_size"`             // of the residual stream, C
	Layers  int `json:"num_layers"`              // blocks
	Heads   int `json:"num_heads"`               // per attention layer; they divide Width

	// Inner is the feed-forward layer's width; 0 stands for 4·Width.
	Inner      int             `json:"intermediate_size" config:"null"`
	Activation gpt2.Activation `json:"activation_function"` // "gelu_new" in EleutherAI's models

	// Types are the kinds of all layers.
	Types Types `json:"attention_types"`
	// Listed holds the same kinds one by one, for files that have this key too.
	Listed Kinds `json:"attention_layers,omitempty"`
	// Window is how many positions a position of a local layer sees, itself included; 256 in EleutherAI's
	// models.
	Window int `json:"window_size"`

	// The dropout rates; 0 in EleutherAI's models.
	EmbedDropout     float64 `json:"embed_dropout"`
	AttentionDropout float64 `json:"attention_dropout"`
	ResidualDropout  float64 `json:"resid_dropout"`

	Epsilon float64 `json:"layer_norm_epsilon"`  // added to a layer norm's variance; 1e-5
	InitStd float64 `json:"initializer_range"`   // standard deviation of the initial weights; 0.02
	Tied    bool    `json:"tie_word_embeddings"` // the head shares the token embedding, as EleutherAI's do
}

// New returns a configuration of the given size with GPT-Neo's other settings. Its layers alternate between
// global and local.
func New(vocab, context, width, layers, heads int) Config {
	kinds := make([]string, layers)
	for i := range kinds {
		kinds[i] = [...]string{global, local}[i%2]
	}
	return Config{
		Vocab: vocab, Context: context, Width: width, Layers: layers, Heads: heads,
		Activation: gpt2.GELU, Types: NewTypes(kinds), Window: 256, Epsilon: 1e-5, InitStd: 0.02, Tied: true,
	}
}

// maxSize bounds what a file may ask for. It is far above what any model has.
const maxSize = 1 << 24

// inner is the feed-forward layer's width.
func (c Config) inner() int {
	if c.Inner == 0 {
		return 4 * c.Width
	}
	return c.Inner
}

// Validate returns what is wrong with settings other than sizes and rates, or nil.
func (c Config) Validate() error {
	switch n := c.Types.count(); {
	case n != c.Layers:
		return fmt.Errorf("attention_types describe %s, but the model has %d", plural.Of(n, "layer"), c.Layers)
	case c.Listed != "" && NewTypes(c.Listed.each()) != c.Types:
		return fmt.Errorf("attention_layers are %s, which differ from attention_types; remove one of the two", c.Listed)
	case c.Window < 1 || c.Window > maxSize:
		return fmt.Errorf("window_size is %d, want 1 to %d", c.Window, maxSize)
	case c.Inner < 0 || c.Inner > maxSize:
		return fmt.Errorf("a feed-forward width of %d is not in 0 to %d", c.Inner, maxSize)
	}
	return cmp.Or(checkKinds("attention_types", c.Types.period()), c.Activation.Check())
}

func init() {
	family.Register(family.Family{
		Type: "gpt_neo", Architecture: "GPTNeoForCausalLM", Default: New(50257, 2048, 2048, 24, 16),
		Aliases: map[string]string{"num_attention_heads": "num_heads", "num_hidden_layers": "num_layers"},
		Prefix:  "transformer.",
		Buffers: []string{"h.*.attn.attention.bias", "h.*.attn.attention.masked_bias"},
		Export:  family.Export{Name: "gpt-neo", Of: export},
	})
}
