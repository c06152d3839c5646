package gpt1

import (
	"encoding/json"

	"github.com/gorgpt/gorgpt/models/config"
)

// keys says what becomes of the keys of OpenAIGPTConfig, transformers' configuration.
var keys = config.Keys{
	Family: "gpt1", Type: "openai-gpt",
	Aliases: config.Aliases,
	Harmless: []string{
		"n_ctx", // the size of a mask, once
		"n_special", "predict_special_tokens",
	},
}

// file is config.json as transformers' OpenAIGPTConfig reads it.
type file struct {
	ModelType        string      `json:"model_type" config:"write"`
	Architectures    []string    `json:"architectures" config:"write"`
	Vocab            int         `json:"vocab_size"`
	Context          int         `json:"n_positions"`
	Width            int         `json:"n_embd"`
	Layers           int         `json:"n_layer"`
	Heads            int         `json:"n_head"`
	Activation       Activation  `json:"afn"`
	EmbedDropout     float64     `json:"embd_pdrop"`
	AttentionDropout float64     `json:"attn_pdrop"`
	ResidualDropout  float64     `json:"resid_pdrop"`
	Epsilon          float64     `json:"layer_norm_epsilon"`
	InitStd          float64     `json:"initializer_range"`
	Tied             bool        `json:"tie_word_embeddings" config:"write"`
	Ends             config.Ends `json:"eos_token_id"`
	DType            string      `json:"torch_dtype" config:"write"`
}

// JSON is the config.json of a model directory, as Hugging Face's transformers reads
// it. ends are the tokens that end a text; negative ones are none.
func (c Config) JSON(ends ...int) ([]byte, error) {
	return json.MarshalIndent(file{
		ModelType: "openai-gpt", Architectures: []string{"OpenAIGPTLMHeadModel"},
		Vocab: c.Vocab, Context: c.Context, Width: c.Width, Layers: c.Layers, Heads: c.Heads, Activation: c.Activation,
		EmbedDropout: c.EmbedDropout, AttentionDropout: c.AttentionDropout, ResidualDropout: c.ResidualDropout,
		Epsilon: c.Epsilon, InitStd: c.InitStd, Tied: true, DType: "float32",
		Ends: config.NewEnds(ends),
	}, "", "  ")
}

// ParseJSON reads a config.json. Fields that are absent have Hugging Face's defaults,
// which are those of OpenAI's model.
func ParseJSON(data []byte) (Config, error) {
	f := file{
		Vocab: 40478, Context: 512, Width: 768, Layers: 12, Heads: 12, Activation: GELU,
		EmbedDropout: 0.1, AttentionDropout: 0.1, ResidualDropout: 0.1, Epsilon: 1e-5, InitStd: 0.02,
	}
	if err := keys.Read(data, &f); err != nil {
		return Config{}, err
	}
	c := Config{
		Vocab: f.Vocab, Context: f.Context, Width: f.Width, Layers: f.Layers, Heads: f.Heads, Activation: f.Activation,
		EmbedDropout: f.EmbedDropout, AttentionDropout: f.AttentionDropout, ResidualDropout: f.ResidualDropout,
		Epsilon: f.Epsilon, InitStd: f.InitStd,
	}
	return c, c.Validate()
}

// Absent is empty: this model has every parameter that Hugging Face's has.
func (c Config) Absent() map[string][]int { return nil }
