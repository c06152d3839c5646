package gpt1

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Config is the size of a GPT-1. Start from one of [Sizes] or from [New].
type Config struct {
	Vocab   int // tokens; 40,478 in OpenAI's model
	Context int // positions a sequence may have; 512 in OpenAI's
	Width   int // of the residual stream, C
	Layers  int // blocks
	Heads   int // per attention layer; they divide Width

	Activation Activation // the feed-forward layer's, GELU in OpenAI's model

	// The dropout rates, all 0.1 in the paper (§4.1): on the embedding, on the
	// attention weights, and on what attention and MLP add to the stream.
	EmbedDropout, AttentionDropout, ResidualDropout float64

	Epsilon float64 // added to a layer norm's variance; 1e-5
	InitStd float64 // deviation of the first weights; 0.02

	// Composed declares attention in small operations, each a node of the graph: to look
	// into, or to change. The numbers are the same but for rounding.
	Composed bool
}

// New returns a configuration of the given size with GPT-1's other settings and no
// dropout.
func New(vocab, context, width, layers, heads int) Config {
	return Config{Vocab: vocab, Context: context, Width: width, Layers: layers, Heads: heads, Activation: GELU, Epsilon: 1e-5, InitStd: 0.02}
}

// Activation names a feed-forward activation as Hugging Face does.
type Activation string

// The activations that a configuration file can name.
const (
	GELU Activation = "gelu" // the tanh form, in this model
	ReLU Activation = "relu"
	SiLU Activation = "silu"
)

var activations = map[Activation]layers.Activation{GELU: ops.GELU, ReLU: ops.ReLU, SiLU: ops.SiLU, "swish": ops.SiLU}

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

// Size is a named configuration.
type Size struct {
	Name   string
	About  string
	Config Config
}

// Sizes are OpenAI's model (§4.1) under Hugging Face's name, and one for CPUs.
func Sizes() []Size {
	return []Size{
		{"gpt1-nano", "GPT-1's block at the size of gpt2-nano", New(65, 64, 128, 4, 4)},
		{"openai-gpt", "OpenAI's GPT-1", New(40478, 512, 768, 12, 12)},
	}
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
		return fmt.Errorf("gpt1: %w", err)
	}
	for _, rate := range []float64{c.EmbedDropout, c.AttentionDropout, c.ResidualDropout} {
		if !(rate >= 0 && rate < 1) {
			return fmt.Errorf("gpt1: a dropout rate of %v is not in [0, 1)", rate)
		}
	}
	switch {
	case activations[c.Activation] == nil:
		return fmt.Errorf("gpt1: afn is %q, want %s", c.Activation, strings.Join(known(), ", "))
	case !(c.Epsilon > 0):
		return fmt.Errorf("gpt1: a layer-norm epsilon of %v is not above 0", c.Epsilon)
	case !(c.InitStd >= 0):
		return fmt.Errorf("gpt1: an initial deviation of %v is below 0", c.InitStd)
	}
	return nil
}
