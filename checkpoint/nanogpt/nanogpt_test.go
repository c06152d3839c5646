package nanogpt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
)

const fixtures = "../testdata/nanogpt"

func TestIs(t *testing.T) {
	for path, want := range map[string]bool{
		"plain": true, "plain/ckpt.pt": true, "compiled": true, "make.py": false, ".": false, "none": false,
		"../models/gpt2/zip/pytorch_model.bin": false,
	} {
		if got := Is(filepath.Join(fixtures, path)); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func TestConfig(t *testing.T) {
	for name, want := range map[string]string{
		"plain": `{"activation_function":"gelu","attn_pdrop":0,"bias":true,"embd_pdrop":0,"layer_norm_epsilon":0.00001,"model_type":"gpt2",` +
			`"n_embd":12,"n_head":2,"n_layer":2,"n_positions":8,"resid_pdrop":0,"vocab_size":17}`,
		"compiled": `{"activation_function":"gelu","attn_pdrop":0.2,"bias":false,"embd_pdrop":0.2,"layer_norm_epsilon":0.00001,"model_type":"gpt2",` +
			`"n_embd":12,"n_head":2,"n_layer":2,"n_positions":8,"resid_pdrop":0.2,"vocab_size":20}`,
	} {
		if got, err := Config(filepath.Join(fixtures, name)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v\nwant %s", name, got, err, want)
		}
	}
	const other = "../testdata/models/gpt2/zip/pytorch_model.bin"
	_, err := Config(other)
	if err == nil {
		t.Fatal("a configuration of a file without model_args")
	}
	sourcetest.OneLine(t, err)
}

// TestOpen: matrices that torch.nn.Linear stores as (out, in) are returned as (in, out), square ones included.
func TestOpen(t *testing.T) {
	src, err := Open(filepath.Join(fixtures, "plain"))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	shapes := make(map[string][]int)
	for _, info := range src.Tensors() {
		shapes[info.Name] = info.Shape
	}
	for name, want := range map[string][]int{
		"transformer.h.0.attn.c_attn.weight": {12, 36}, "transformer.h.1.attn.c_proj.weight": {12, 12},
		"transformer.h.1.mlp.c_proj.weight": {48, 12}, "transformer.wte.weight": {17, 12}, "transformer.h.0.mlp.c_fc.bias": {48},
	} {
		if !slices.Equal(shapes[name], want) {
			t.Errorf("%s is %v, want %v", name, shapes[name], want)
		}
	}
}

// FuzzConfig: a file is either rejected with a one-line error, or gives JSON.
func FuzzConfig(f *testing.F) {
	for _, name := range []string{"plain", "compiled"} {
		data, err := os.ReadFile(filepath.Join(fixtures, name, fileName))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), fileName)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		config, err := Config(path)
		if err != nil {
			sourcetest.OneLine(t, err)
		} else if !json.Valid(config) {
			t.Errorf("not JSON: %s", config)
		}
		src, err := Open(path)
		if err != nil {
			return
		}
		defer src.Close()
		sourcetest.ReadAll(t, src, len(data))
	})
}
