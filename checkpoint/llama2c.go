package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/llama2c"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/mapped"
	"github.com/gorgpt/gorgpt/internal/memfs"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func openLlama2C(path string) (weights.Source, error) { return opened(llama2c.Open(path)) }

// llama2cConfig makes a config.json from a file's header. A text begins with token 1, and ends at token 1 or
// 2.
func llama2cConfig(path string) ([]byte, error) {
	f, err := llama2c.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := f.Dims()
	return json.Marshal(map[string]any{
		"model_type": "llama", "vocab_size": d.Vocab, "max_position_embeddings": d.Context, "hidden_size": d.Width, "intermediate_size": d.Inner,
		"num_hidden_layers": d.Layers, "num_attention_heads": d.Heads, "num_key_value_heads": d.KVHeads, "tie_word_embeddings": d.Tied,
		"rms_norm_eps": llama2c.Epsilon, "bos_token_id": llama2c.BOS, "eos_token_id": []int{llama2c.BOS, llama2c.EOS},
	})
}

// llama2cFiles returns the files made from the tokenizer beside a file or, without one, the directory's other
// files.
func llama2cFiles(path string) (fs.FS, error) {
	f, err := llama2c.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dir := filepath.Dir(path)
	pieces, err := llama2c.Tokenizer(dir, f.Dims().Vocab)
	if errors.Is(err, fs.ErrNotExist) {
		return os.DirFS(dir), nil
	}
	if err != nil {
		return nil, err
	}
	files := memfs.FS{}
	if files["tokenizer.json"], files["tokenizer_config.json"], err = tokenizer.FromPieces(pieces); err != nil {
		return nil, fmt.Errorf("%s: the tokenizer beside it: %w", path, err)
	}
	return files, nil
}

// SaveLlama2C writes a model file of llama2.c at path, in float32. config is a config.json, which must be
// that of a Llama with llama2.c's arithmetic: no biases, heads of width/heads columns, unscaled frequencies
// with a base of 10,000, and an epsilon of 1e-5.
func SaveLlama2C(path string, config []byte, ps *graph.Params) error {
	d, err := llama2cDims(config)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	tensors, _, err := named(ps, models.Tensors{}, weights.F32)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return WriteFile(path, func(w io.Writer) error {
		return mapped.Guard(func() error { return llama2c.Write(w, d, tensors) })
	})
}

// llama2cDims reads the sizes from a config.json.
func llama2cDims(config []byte) (llama2c.Dims, error) {
	var c struct {
		Type          string  `json:"model_type"`
		Vocab         int     `json:"vocab_size"`
		Context       int     `json:"max_position_embeddings"`
		Width         int     `json:"hidden_size"`
		Inner         int     `json:"intermediate_size"`
		Layers        int     `json:"num_hidden_layers"`
		Heads         int     `json:"num_attention_heads"`
		KVHeads       *int    `json:"num_key_value_heads"`
		HeadSize      *int    `json:"head_dim"`
		Epsilon       float64 `json:"rms_norm_eps"`
		Theta         float64 `json:"rope_theta"`
		AttentionBias bool    `json:"attention_bias"`
		MLPBias       bool    `json:"mlp_bias"`
		Tied          bool    `json:"tie_word_embeddings"`
		Rotary        struct {
			Type  string  `json:"rope_type"`
			Old   string  `json:"type"`
			Theta float64 `json:"rope_theta"`
		} `json:"rope_parameters"`
	}
	plain := []string{"", "default"}
	base := func(theta float64) bool { return theta == 0 || theta == llama2c.Theta }
	err := plainjson.Unmarshal(config, &c)
	switch {
	case err != nil:
		return llama2c.Dims{}, fmt.Errorf("%s: %w", configName, err)
	case c.Type != "llama":
		return llama2c.Dims{}, fmt.Errorf("llama2.c supports only Llama; model_type is %s", weights.Show(c.Type))
	case c.AttentionBias || c.MLPBias:
		return llama2c.Dims{}, fmt.Errorf("llama2.c's layers have no biases; attention_bias is %t, mlp_bias is %t", c.AttentionBias, c.MLPBias)
	case c.HeadSize != nil && *c.HeadSize*c.Heads != c.Width:
		return llama2c.Dims{}, fmt.Errorf("llama2.c's heads together span the width, %d; head_dim is %d, with %d heads", c.Width, *c.HeadSize, c.Heads)
	case float32(c.Epsilon) != llama2c.Epsilon:
		return llama2c.Dims{}, fmt.Errorf("llama2.c adds 1e-5 to a mean square; rms_norm_eps is %v", c.Epsilon)
	case !slices.Contains(plain, c.Rotary.Type) || !slices.Contains(plain, c.Rotary.Old):
		return llama2c.Dims{}, fmt.Errorf("llama2.c does not scale rotary frequencies; rope_type is %s", weights.Show(c.Rotary.Type+c.Rotary.Old))
	case !base(c.Theta) || !base(c.Rotary.Theta):
		return llama2c.Dims{}, fmt.Errorf("llama2.c's frequencies have a base of 10000; rope_theta is %v", max(c.Theta, c.Rotary.Theta))
	}
	d := llama2c.Dims{Width: c.Width, Inner: c.Inner, Layers: c.Layers, Heads: c.Heads, KVHeads: c.Heads, Vocab: c.Vocab, Context: c.Context, Tied: c.Tied}
	if c.KVHeads != nil {
		d.KVHeads = *c.KVHeads
	}
	return d, nil
}
