package openai

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// gptOSS is the config.json in OpenAI's original/.
type gptOSS struct {
	Layers    int     `json:"num_hidden_layers"`
	Experts   int     `json:"num_experts"`
	PerToken  int     `json:"experts_per_token"`
	Vocab     int     `json:"vocab_size"`
	Width     int     `json:"hidden_size"`
	Inner     int     `json:"intermediate_size"`
	Limit     float64 `json:"swiglu_limit"`
	HeadSize  int     `json:"head_dim"`
	Heads     int     `json:"num_attention_heads"`
	KVHeads   int     `json:"num_key_value_heads"`
	Window    int     `json:"sliding_window"`
	Positions int     `json:"initial_context_length"` // before stretching
	Theta     float64 `json:"rope_theta"`
	Factor    float64 `json:"rope_scaling_factor"`
	Slow      float64 `json:"rope_ntk_alpha"`
	Fast      float64 `json:"rope_ntk_beta"`
}

// keys returns the keys and values of the file.
func (g *gptOSS) keys() (map[string]json.RawMessage, error) {
	text, err := json.Marshal(g)
	all := make(map[string]json.RawMessage)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	return all, err
}

// gptOSSKey is a key that transformers' config.json has only together with model_type.
const gptOSSKey = "experts_per_token"

// IsGPTOSS reports whether dir has a config.json of gpt-oss in OpenAI's own keys.
func IsGPTOSS(dir string) bool {
	text, err := weights.ReadText(filepath.Join(dir, "config.json"), maxJSON)
	var all map[string]json.RawMessage
	if err != nil || json.Unmarshal(text, &all) != nil {
		return false
	}
	_, own := all[gptOSSKey]
	_, transformers := all["model_type"]
	return own && !transformers
}

// GPTOSSConfig returns the config.json for transformers that corresponds to a directory's own.
func GPTOSSConfig(dir string) ([]byte, error) {
	path := filepath.Join(dir, "config.json")
	text, err := weights.ReadText(path, maxJSON)
	if err != nil {
		return nil, err
	}
	g := gptOSS{Limit: 7, Theta: 150000, Factor: 32, Slow: 1, Fast: 32, Positions: 4096} // the defaults of OpenAI's program
	known, err := g.keys()
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := plainjson.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if known[key] == nil {
			return nil, fmt.Errorf("%s: unknown key %q; want those of gpt-oss as OpenAI published it", path, key)
		}
	}
	if err := plainjson.Unmarshal(text, &g); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	made, err := g.keys()
	if err != nil {
		return nil, err
	}
	rope := map[string]any{
		"rope_type": "yarn", "rope_theta": g.Theta, "factor": g.Factor, "beta_fast": g.Fast, "beta_slow": g.Slow, "truncate": false,
		"original_max_position_embeddings": g.Positions,
	}
	for key, value := range map[string]any{
		"model_type": "gpt_oss", "num_local_experts": g.Experts, "num_experts_per_tok": g.PerToken, "rope_parameters": rope,
		"max_position_embeddings": int(float64(g.Positions) * g.Factor),
	} {
		if made[key], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	for _, key := range []string{"num_experts", gptOSSKey, "initial_context_length", "rope_theta", "rope_scaling_factor", "rope_ntk_alpha", "rope_ntk_beta"} {
		delete(made, key)
	}
	return json.Marshal(made)
}
