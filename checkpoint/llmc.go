package checkpoint

import (
	"fmt"
	"io"

	"github.com/gorgpt/gorgpt/checkpoint/llmc"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// SaveLLMC makes path a model file of llm.c, of F32 or BF16. The config is a
// config.json, which must be that of a GPT-2 with llm.c's arithmetic: the tanh form
// of GELU, an epsilon of 1e-5. Biases that the model lacks are zeros in the file.
func SaveLLMC(path string, config []byte, ps *graph.Params, t weights.DType) error {
	d, err := llmcDims(config)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	tensors, err := withZeros(ps, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return WriteFile(path, func(w io.Writer) error { return llmc.Write(w, d, t, tensors) })
}

// llmcDims reads the sizes out of a config.json.
func llmcDims(config []byte) (llmc.Dims, error) {
	var c struct {
		Type       string  `json:"model_type"`
		Vocab      int     `json:"vocab_size"`
		Context    int     `json:"n_positions"`
		Width      int     `json:"n_embd"`
		Layers     int     `json:"n_layer"`
		Heads      int     `json:"n_head"`
		Activation string  `json:"activation_function"`
		Epsilon    float64 `json:"layer_norm_epsilon"`
	}
	err := plainjson.Unmarshal(config, &c)
	switch {
	case err != nil:
		return llmc.Dims{}, fmt.Errorf("%s: %w", configName, err)
	case c.Type != "gpt2":
		return llmc.Dims{}, fmt.Errorf("llm.c has GPT-2 alone; model_type is %s", weights.Show(c.Type))
	case c.Activation != "gelu_new":
		return llmc.Dims{}, fmt.Errorf("llm.c computes GELU in the tanh form, gelu_new; activation_function is %s", weights.Show(c.Activation))
	case c.Epsilon != 1e-5:
		return llmc.Dims{}, fmt.Errorf("llm.c adds 1e-5 to a layer norm's variance; layer_norm_epsilon is %v", c.Epsilon)
	}
	return llmc.Dims{Context: c.Context, Vocab: c.Vocab, Layers: c.Layers, Heads: c.Heads, Width: c.Width}, nil
}
