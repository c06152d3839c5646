package gpt2

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Config is the size and the variant of a GPT-2. Start from one of [Sizes] or from
// [New].
type Config struct {
	Vocab   int // tokens; 50,257 in OpenAI's models
	Context int // positions a sequence may have; 1,024 in OpenAI's
	Width   int // of the residual stream, C
	Layers  int // blocks
	Heads   int // per attention layer; they divide Width

	// Bias gives linear layers and layer norms a bias, as OpenAI's have. nanoGPT's
	// small models do without.
	Bias bool
	// Activation is the feed-forward layer's, "gelu_new" in OpenAI's models.
	Activation Activation
	// Inner is the feed-forward layer's width; 0 stands for 4·Width, as in OpenAI's.
	Inner int

	// Attention divides its scores by the root of a head's width unless Unscaled, and, if
	// ScaleByLayer, by the number of the block from 1 as well, as Mistral's GPT-2 do.
	Unscaled, ScaleByLayer bool

	// The dropout rates. OpenAI published none; 0.1 is Hugging Face's default, and 0
	// is right while a model under-fits, as all of GPT-2 did (§3).
	EmbedDropout, AttentionDropout, ResidualDropout float64

	Epsilon float64 // added to a layer norm's variance; 1e-5
	InitStd float64 // deviation of the first weights; 0.02

	// Composed declares attention in small operations, each a node of the graph: to look
	// into, or to change. The numbers are the same but for rounding.
	Composed bool
}

// New returns a configuration of the given size with GPT-2's other settings and no
// dropout.
func New(vocab, context, width, layers, heads int) Config {
	return Config{
		Vocab: vocab, Context: context, Width: width, Layers: layers, Heads: heads,
		Bias: true, Activation: GELU, Epsilon: 1e-5, InitStd: 0.02,
	}
}

// Activation names a feed-forward activation as Hugging Face does.
type Activation string

// The activations that a configuration file can name.
const (
	GELU      Activation = "gelu_new" // the tanh form
	GELUErf   Activation = "gelu"     // exact
	QuickGELU Activation = "quick_gelu"
	ReLU      Activation = "relu"
	SiLU      Activation = "silu"
)

// activations are those of transformers by their names there, of which some have several.
var activations = map[Activation]layers.Activation{
	GELU: ops.GELU, "gelu_pytorch_tanh": ops.GELU, "gelu_python_tanh": ops.GELU, "gelu_accurate": ops.GELU, "gelu_fast": ops.GELU,
	GELUErf: ops.GELUErf, "gelu_python": ops.GELUErf,
	QuickGELU: ops.QuickGELU,
	ReLU:      ops.ReLU,
	SiLU:      ops.SiLU, "swish": ops.SiLU,
}

// maxInner bounds what a file may ask for, many times what any model has.
const maxInner = 1 << 24

// known lists the activations.
func known() []string {
	var names []string
	for name := range activations {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

// layer is the activation's constructor; an unknown one is caught by Validate.
func (a Activation) layer() layers.Activation {
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

// scale is what the attention of a block multiplies its scores by; 0 stands for 1/√D.
func (c Config) scale(block int) float64 {
	if !c.Unscaled && !c.ScaleByLayer {
		return 0
	}
	scale := 1.0
	if !c.Unscaled {
		scale /= math.Sqrt(float64(c.Width / c.Heads))
	}
	if c.ScaleByLayer {
		scale /= float64(block + 1)
	}
	return scale
}

// Dims are the sizes.
func (c Config) Dims() layers.Dims {
	return layers.Dims{Vocab: c.Vocab, Context: c.Context, Width: c.Width, Layers: c.Layers, Heads: c.Heads}
}

// WithDims is the configuration with other sizes.
func (c Config) WithDims(d layers.Dims) Config {
	c.Vocab, c.Context, c.Width, c.Layers, c.Heads = d.Vocab, d.Context, d.Width, d.Layers, d.Heads
	return c
}

// WithDropout is the configuration with one rate at all three places.
func (c Config) WithDropout(rate float64) Config {
	c.EmbedDropout, c.AttentionDropout, c.ResidualDropout = rate, rate, rate
	return c
}

// Validate tells what is wrong with the configuration, or nil.
func (c Config) Validate() error {
	if err := c.Dims().Validate(); err != nil {
		return fmt.Errorf("gpt2: %w", err)
	}
	for _, rate := range []float64{c.EmbedDropout, c.AttentionDropout, c.ResidualDropout} {
		if !(rate >= 0 && rate < 1) {
			return fmt.Errorf("gpt2: a dropout rate of %v is not in [0, 1)", rate)
		}
	}
	switch {
	case activations[c.Activation] == nil:
		return fmt.Errorf("gpt2: activation_function is %q, want %s", c.Activation, strings.Join(known(), ", "))
	case c.Inner < 0 || c.Inner > maxInner:
		return fmt.Errorf("gpt2: a feed-forward width of %d is not in 0 to %d", c.Inner, maxInner)
	case !(c.Epsilon > 0):
		return fmt.Errorf("gpt2: a layer-norm epsilon of %v is not above 0", c.Epsilon)
	case !(c.InitStd >= 0):
		return fmt.Errorf("gpt2: an initial deviation of %v is below 0", c.InitStd)
	}
	return nil
}
