package checkpoint

import (
	"fmt"
	"io"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/llmc"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/mapped"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/models"
)

// SaveLLMC writes a model file of llm.c at path, in F32 or BF16. config is a config.json, which must be that
// of a GPT-2 with llm.c's arithmetic: the tanh form of GELU, and an epsilon of 1e-5. Biases that the model
// lacks are zeros in the file.
func SaveLLMC(path string, config []byte, ps *graph.Params, t weights.DType) error {
	d, err := llmcDims(config)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	tensors, _, err := named(ps, models.Tensors{}, weights.F32)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return WriteFile(path, func(w io.Writer) error {
		return mapped.Guard(func() error { return llmc.Write(w, d, t, tensors) })
	})
}

// tanhGELU lists the names of the tanh form of GELU.
var tanhGELU = []string{"gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate", "gelu_fast"}

// llmcDims reads the sizes from a config.json.
func llmcDims(config []byte) (llmc.Dims, error) {
	var c struct {
		Type       string  `json:"model_type"`
		Vocab      int     `json:"vocab_size"`
		Context    int     `json:"n_positions"`
		Width      int     `json:"n_embd"`
		Layers     int     `json:"n_layer"`
		Heads      int     `json:"n_head"`
		Inner      *int    `json:"n_inner"`
		Activation string  `json:"activation_function"`
		Scaled     bool    `json:"scale_attn_weights"`
		ByLayer    bool    `json:"scale_attn_by_inverse_layer_idx"`
		Epsilon    float64 `json:"layer_norm_epsilon"`
		Tied       bool    `json:"tie_word_embeddings"`
	}
	c.Scaled, c.Tied = true, true // unless the file says otherwise
	err := plainjson.Unmarshal(config, &c)
	switch {
	case err != nil:
		return llmc.Dims{}, fmt.Errorf("%s: %w", configName, err)
	case c.Type == "llama":
		return llmc.Dims{}, fmt.Errorf("llm.c supports only GPT-2; model_type is llama: use --to llama2.c")
	case c.Type != "gpt2":
		return llmc.Dims{}, fmt.Errorf("llm.c supports only GPT-2; model_type is %s", weights.Show(c.Type))
	case c.Inner != nil && *c.Inner != 4*c.Width:
		return llmc.Dims{}, fmt.Errorf("llm.c's feed-forward layer has four times the width; n_inner is %d", *c.Inner)
	case !c.Scaled:
		return llmc.Dims{}, fmt.Errorf("llm.c scales attention's scores; scale_attn_weights is false")
	case !c.Tied:
		return llmc.Dims{}, fmt.Errorf("llm.c's head shares the token embedding; tie_word_embeddings is false")
	case c.ByLayer:
		return llmc.Dims{}, fmt.Errorf("llm.c scales attention the same way in all layers; scale_attn_by_inverse_layer_idx is true")
	case !slices.Contains(tanhGELU, c.Activation):
		return llmc.Dims{}, fmt.Errorf("llm.c has GELU in the tanh form only; activation_function is %s: to export to llm.c, train with --set activation_function=gelu_new", weights.Show(c.Activation))
	case c.Epsilon != 1e-5:
		return llmc.Dims{}, fmt.Errorf("llm.c adds 1e-5 to a layer norm's variance; layer_norm_epsilon is %v", c.Epsilon)
	}
	return llmc.Dims{Context: c.Context, Vocab: c.Vocab, Layers: c.Layers, Heads: c.Heads, Width: c.Width}, nil
}
