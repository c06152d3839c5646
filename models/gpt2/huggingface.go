package gpt2

import (
	"encoding/json"
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models/config"
)

// keys says what becomes of the keys of GPT2Config, transformers' configuration.
var keys = config.Keys{
	Family: "gpt2", Type: "gpt2",
	Aliases: config.Aliases,
	Harmless: []string{
		"n_ctx",                   // the size of a mask, once
		"reorder_and_upcast_attn", // the order of two products
	},
}

// file is config.json as transformers' GPT2Config reads it, and Bias, which that
// ignores: it always has biases.
type file struct {
	ModelType        string      `json:"model_type" config:"write"`
	Architectures    []string    `json:"architectures" config:"write"`
	Vocab            int         `json:"vocab_size"`
	Context          int         `json:"n_positions"`
	Width            int         `json:"n_embd"`
	Layers           int         `json:"n_layer"`
	Heads            int         `json:"n_head"`
	Inner            *int        `json:"n_inner"` // null for four times n_embd
	Activation       Activation  `json:"activation_function"`
	EmbedDropout     float64     `json:"embd_pdrop"`
	AttentionDropout float64     `json:"attn_pdrop"`
	ResidualDropout  float64     `json:"resid_pdrop"`
	Epsilon          float64     `json:"layer_norm_epsilon"`
	InitStd          float64     `json:"initializer_range"`
	Tied             bool        `json:"tie_word_embeddings" config:"write"`
	Ends             config.Ends `json:"eos_token_id"`
	StartOfText      *int        `json:"bos_token_id" config:"write"`
	DType            string      `json:"torch_dtype" config:"write"`
	Bias             bool        `json:"bias"`
	ScaleWeights     bool        `json:"scale_attn_weights"`
	ScaleByLayer     bool        `json:"scale_attn_by_inverse_layer_idx"`
	Cross            bool        `json:"add_cross_attention" config:"write"`
}

// JSON is the config.json of a model directory, as Hugging Face's transformers reads
// it. ends are the tokens that end a text; negative ones are none.
func (c Config) JSON(ends ...int) ([]byte, error) {
	f := file{
		ModelType: "gpt2", Architectures: []string{"GPT2LMHeadModel"},
		Vocab: c.Vocab, Context: c.Context, Width: c.Width, Layers: c.Layers, Heads: c.Heads,
		Activation:   c.Activation,
		EmbedDropout: c.EmbedDropout, AttentionDropout: c.AttentionDropout, ResidualDropout: c.ResidualDropout,
		Epsilon: c.Epsilon, InitStd: c.InitStd, Tied: true, DType: "float32", Bias: c.Bias,
		ScaleWeights: !c.Unscaled, ScaleByLayer: c.ScaleByLayer,
		Ends: config.NewEnds(ends),
	}
	if c.Inner != 0 {
		f.Inner = &c.Inner
	}
	f.StartOfText = f.Ends.First()
	return json.MarshalIndent(f, "", "  ")
}

// ParseJSON reads a config.json. Fields that are absent have Hugging Face's defaults,
// which are those of the smallest GPT-2 with dropout 0.1.
func ParseJSON(data []byte) (Config, error) {
	f := file{
		Vocab: 50257, Context: 1024, Width: 768, Layers: 12, Heads: 12, Activation: GELU,
		EmbedDropout: 0.1, AttentionDropout: 0.1, ResidualDropout: 0.1,
		Epsilon: 1e-5, InitStd: 0.02, Bias: true, ScaleWeights: true,
	}
	if err := keys.Read(data, &f); err != nil {
		return Config{}, err
	}
	c := Config{
		Vocab: f.Vocab, Context: f.Context, Width: f.Width, Layers: f.Layers, Heads: f.Heads,
		Bias: f.Bias, Activation: f.Activation, Unscaled: !f.ScaleWeights, ScaleByLayer: f.ScaleByLayer,
		EmbedDropout: f.EmbedDropout, AttentionDropout: f.AttentionDropout, ResidualDropout: f.ResidualDropout,
		Epsilon: f.Epsilon, InitStd: f.InitStd,
	}
	if f.Inner != nil {
		if c.Inner = *f.Inner; c.Inner < 1 {
			return Config{}, fmt.Errorf("gpt2: config.json: n_inner is %d, want 1 or more, or null", c.Inner)
		}
		if c.Inner == 4*c.Width {
			c.Inner = 0 // one configuration, one value
		}
	}
	return c, c.Validate()
}

// Absent names the tensors, with their shapes, that Hugging Face's GPT-2 has and this
// one lacks: the biases of a model without. A checkpoint holds zeros for them.
func (c Config) Absent() map[string][]int {
	absent := make(map[string][]int)
	if c.Bias {
		return absent
	}
	c.Bias = true
	with := graph.NewParams(0)
	s := graph.New(with)
	c.Graph(s, s.Ints("tokens", 1, 1))
	for _, p := range with.All() {
		if p.Shape().Dims() == 1 && p.Init() == graph.Zeros() {
			absent[p.Name()] = p.Shape()
		}
	}
	return absent
}
