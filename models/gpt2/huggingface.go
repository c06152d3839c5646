package gpt2

import (
	"encoding/json"
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/models/config"
)

// file is config.json as transformers' GPT2Config reads it, and Bias, which that
// ignores: it always has biases.
type file struct {
	ModelType        string      `json:"model_type"`
	Architectures    []string    `json:"architectures"`
	Vocab            int         `json:"vocab_size"`
	Context          int         `json:"n_positions"`
	Width            int         `json:"n_embd"`
	Layers           int         `json:"n_layer"`
	Heads            int         `json:"n_head"`
	Inner            *int        `json:"n_inner"`
	Activation       Activation  `json:"activation_function"`
	EmbedDropout     float64     `json:"embd_pdrop"`
	AttentionDropout float64     `json:"attn_pdrop"`
	ResidualDropout  float64     `json:"resid_pdrop"`
	Epsilon          float64     `json:"layer_norm_epsilon"`
	InitStd          float64     `json:"initializer_range"`
	Tied             bool        `json:"tie_word_embeddings"`
	Ends             config.Ends `json:"eos_token_id"`
	StartOfText      *int        `json:"bos_token_id"`
	DType            string      `json:"torch_dtype"`
	Bias             bool        `json:"bias"`

	// Changes to the arithmetic that this model does not have.
	ScaleWeights bool `json:"scale_attn_weights"`
	ScaleByLayer bool `json:"scale_attn_by_inverse_layer_idx"`
	Cross        bool `json:"add_cross_attention"`
}

// JSON is the config.json of a model directory, as Hugging Face's transformers reads
// it. ends are the tokens that end a text; negative ones are none.
func (c Config) JSON(ends ...int) ([]byte, error) {
	f := file{
		ModelType: "gpt2", Architectures: []string{"GPT2LMHeadModel"},
		Vocab: c.Vocab, Context: c.Context, Width: c.Width, Layers: c.Layers, Heads: c.Heads,
		Activation:   c.Activation,
		EmbedDropout: c.EmbedDropout, AttentionDropout: c.AttentionDropout, ResidualDropout: c.ResidualDropout,
		Epsilon: c.Epsilon, InitStd: c.InitStd, Tied: true, DType: "float32", Bias: c.Bias, ScaleWeights: true,
		Ends: config.NewEnds(ends),
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
		Epsilon: 1e-5, InitStd: 0.02, Tied: true, Bias: true, ScaleWeights: true,
	}
	if err := plainjson.Unmarshal(data, &f); err != nil {
		return Config{}, fmt.Errorf("gpt2: config.json: %w", err)
	}
	switch {
	case f.ModelType != "gpt2":
		return Config{}, fmt.Errorf("gpt2: config.json: model_type is %q, want \"gpt2\"", f.ModelType)
	case f.Inner != nil && *f.Inner != 4*f.Width:
		return Config{}, fmt.Errorf("gpt2: config.json: n_inner is %d, want %d, four times n_embd", *f.Inner, 4*f.Width)
	case !f.ScaleWeights:
		return Config{}, fmt.Errorf("gpt2: config.json: scale_attn_weights is false; attention here scales its scores")
	case f.ScaleByLayer:
		return Config{}, fmt.Errorf("gpt2: config.json: scale_attn_by_inverse_layer_idx is true; attention here scales the same in every layer")
	case f.Cross:
		return Config{}, fmt.Errorf("gpt2: config.json: add_cross_attention is true; there is none here")
	case !f.Tied:
		return Config{}, fmt.Errorf("gpt2: config.json: tie_word_embeddings is false; GPT-2 ties them")
	}
	c := Config{
		Vocab: f.Vocab, Context: f.Context, Width: f.Width, Layers: f.Layers, Heads: f.Heads,
		Bias: f.Bias, Activation: f.Activation,
		EmbedDropout: f.EmbedDropout, AttentionDropout: f.AttentionDropout, ResidualDropout: f.ResidualDropout,
		Epsilon: f.Epsilon, InitStd: f.InitStd,
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
