package gpt1

import (
	"encoding/json"
	"fmt"

	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/models/config"
)

// file is config.json as transformers' OpenAIGPTConfig reads it.
type file struct {
	ModelType        string      `json:"model_type"`
	Architectures    []string    `json:"architectures"`
	Vocab            int         `json:"vocab_size"`
	Context          int         `json:"n_positions"`
	Width            int         `json:"n_embd"`
	Layers           int         `json:"n_layer"`
	Heads            int         `json:"n_head"`
	Activation       string      `json:"afn"` // "gelu" is the tanh form in this model
	EmbedDropout     float64     `json:"embd_pdrop"`
	AttentionDropout float64     `json:"attn_pdrop"`
	ResidualDropout  float64     `json:"resid_pdrop"`
	Epsilon          float64     `json:"layer_norm_epsilon"`
	InitStd          float64     `json:"initializer_range"`
	Tied             bool        `json:"tie_word_embeddings"`
	Ends             config.Ends `json:"eos_token_id"`
	DType            string      `json:"torch_dtype"`
}

// JSON is the config.json of a model directory, as Hugging Face's transformers reads
// it. ends are the tokens that end a text; negative ones are none.
func (c Config) JSON(ends ...int) ([]byte, error) {
	f := file{
		ModelType: "openai-gpt", Architectures: []string{"OpenAIGPTLMHeadModel"},
		Vocab: c.Vocab, Context: c.Context, Width: c.Width, Layers: c.Layers, Heads: c.Heads, Activation: "gelu",
		EmbedDropout: c.EmbedDropout, AttentionDropout: c.AttentionDropout, ResidualDropout: c.ResidualDropout,
		Epsilon: c.Epsilon, InitStd: c.InitStd, Tied: true, DType: "float32",
		Ends: config.NewEnds(ends),
	}
	return json.MarshalIndent(f, "", "  ")
}

// ParseJSON reads a config.json. Fields that are absent have Hugging Face's defaults,
// which are those of OpenAI's model.
func ParseJSON(data []byte) (Config, error) {
	f := file{
		Vocab: 40478, Context: 512, Width: 768, Layers: 12, Heads: 12, Activation: "gelu",
		EmbedDropout: 0.1, AttentionDropout: 0.1, ResidualDropout: 0.1, Epsilon: 1e-5, InitStd: 0.02, Tied: true,
	}
	if err := plainjson.Unmarshal(data, &f); err != nil {
		return Config{}, fmt.Errorf("gpt1: config.json: %w", err)
	}
	switch {
	case f.ModelType != "openai-gpt":
		return Config{}, fmt.Errorf("gpt1: config.json: model_type is %q, want \"openai-gpt\"", f.ModelType)
	case f.Activation != "gelu":
		return Config{}, fmt.Errorf("gpt1: config.json: afn is %q, want \"gelu\"", f.Activation)
	case !f.Tied:
		return Config{}, fmt.Errorf("gpt1: config.json: tie_word_embeddings is false; GPT-1 ties them")
	}
	c := Config{
		Vocab: f.Vocab, Context: f.Context, Width: f.Width, Layers: f.Layers, Heads: f.Heads,
		EmbedDropout: f.EmbedDropout, AttentionDropout: f.AttentionDropout, ResidualDropout: f.ResidualDropout,
		Epsilon: f.Epsilon, InitStd: f.InitStd,
	}
	return c, c.Validate()
}

// Absent is empty: this model has every parameter that Hugging Face's has.
func (c Config) Absent() map[string][]int { return nil }
