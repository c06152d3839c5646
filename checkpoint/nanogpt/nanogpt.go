package nanogpt

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/gorgpt/gorgpt/checkpoint/pickle"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// fileName is the name of a checkpoint in nanoGPT's output directory.
const fileName = "ckpt.pt"

// linear matches the matrices that belong to a torch.nn.Linear, (out, in).
var linear = regexp.MustCompile(`\bh\.[0-9]+\.(attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj)\.weight$`)

// Is reports whether path is a checkpoint of nanoGPT, or an output directory with one in it.
func Is(path string) bool {
	f, err := pickle.Open(file(path))
	if err != nil {
		return false
	}
	defer f.Close()
	return f.Plain("model_args") != nil
}

// file returns the checkpoint file for a path.
func file(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, fileName)
	}
	return path
}

// Open opens the weights. The caller closes them.
func Open(path string) (weights.Source, error) {
	f, err := pickle.Open(file(path))
	if err != nil {
		return nil, err
	}
	return weights.Transposed(f, linear.MatchString), nil
}

// Config returns the config.json that corresponds to model_args.
func Config(path string) ([]byte, error) {
	path = file(path)
	f, err := pickle.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	args := f.Plain("model_args")
	config := map[string]any{
		"model_type": "gpt2",
		// Fixed in nanoGPT's code, and not in model_args: GELU is exact.
		"activation_function": "gelu", "layer_norm_epsilon": 1e-5, "bias": true,
	}
	for name, key := range map[string]string{
		"vocab_size": "vocab_size", "block_size": "n_positions", "n_embd": "n_embd", "n_layer": "n_layer", "n_head": "n_head",
	} {
		n, ok := args[name].(int64)
		if !ok {
			return nil, fmt.Errorf("%s: model_args has no integer %s, which is needed for the model's size", path, name)
		}
		config[key] = n
	}
	if bias, ok := args["bias"].(bool); ok {
		config["bias"] = bias
	}
	if rate, ok := number(args["dropout"]); ok {
		config["embd_pdrop"], config["attn_pdrop"], config["resid_pdrop"] = rate, rate, rate
	}
	return json.Marshal(config)
}

// number returns a number from a pickle.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
