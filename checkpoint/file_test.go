package checkpoint

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/llmc"
	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "model.bin")
	say := func(w io.Writer) error { _, err := io.WriteString(w, "good"); return err }
	if err := WriteFile(path, say); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "good")
	sourcetest.Error(t, WriteFile(path, say), path+": already exists")
	other := filepath.Join(dir, "a", "other.bin")
	sourcetest.Error(t, WriteFile(other, func(w io.Writer) error { say(w); return errFull }), other+": no space left on device")
	sourcetest.Error(t, WriteFile(dir+"/..", say), filepath.Dir(dir)+": already exists")
	wantNames(t, filepath.Join(dir, "a"), "model.bin")
}

// TestSaveLLMC writes a model without biases, for which the file has zeros.
func TestSaveLLMC(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.bin")
	config := []byte(`{"model_type": "gpt2", "vocab_size": 11, "n_positions": 8, "n_embd": 4, "n_layer": 2, "n_head": 2,
		"activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}`)
	want := nano(t, 1)
	if err := SaveLLMC(path, config, want, weights.F32); err != nil {
		t.Fatal(err)
	}
	f, err := llmc.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := nano(t, 2)
	if err := ReadParams(f, got, nanoTensors()); err != nil {
		t.Fatal(err)
	}
	sameParams(t, got, want)
	for text, want := range map[string]string{
		`{"model_type": "gpt2", "n_embd": 8, "n_inner": 16}`:                                    "llm.c's feed-forward layer has four times the width; n_inner is 16",
		`{"model_type": "gpt2", "scale_attn_weights": false}`:                                   "llm.c scales attention's scores; scale_attn_weights is false",
		`{"model_type": "gpt2", "tie_word_embeddings": false}`:                                  "llm.c's head shares the token embedding; tie_word_embeddings is false",
		`{"model_type": "gpt2", "scale_attn_by_inverse_layer_idx": true}`:                       "llm.c scales attention the same way in all layers; scale_attn_by_inverse_layer_idx is true",
		`{"model_type": "gpt2", "activation_function": "gelu_new", "layer_norm_epsilon": 1e-6}`: "llm.c adds 1e-5 to a layer norm's variance; layer_norm_epsilon is 1e-06",
		`{`: "config.json: unexpected end of JSON input",
	} {
		sourcetest.Error(t, SaveLLMC(path+"2", []byte(text), nano(t, 1), weights.F32), path+"2: "+want)
	}
	if _, err := os.Stat(path + "2"); err == nil {
		t.Error("a file is left of a failure")
	}
}

// TestSaveTypes saves half-precision numbers, and models split into several files.
func TestSaveTypes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	ps := nano(t, 1)
	for _, p := range ps.All() {
		for i, v := range p.Data() {
			p.Data()[i] = float32(int(v*1024)) / 1024 // exact in F16 and BF16
		}
	}
	for _, c := range []struct {
		dtype weights.DType
		limit int64
		names []string
	}{
		{weights.F16, 0, []string{configName, weightsName}},
		{weights.BF16, 700, []string{configName, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", safetensors.IndexName}},
		{"", 0, []string{configName, weightsName}},
	} {
		if err := Save(dir, Contents{Config: []byte(nanoConfig), Params: ps, DType: c.dtype, ShardBytes: c.limit}); err != nil {
			t.Fatal(err)
		}
		wantNames(t, dir, c.names...)
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := nano(t, 2)
		if err := d.MapParams(got); err != nil {
			t.Fatal(err)
		}
		sameParams(t, got, ps)
	}
	sourcetest.Error(t, Save(dir, Contents{Config: []byte(nanoConfig), Params: ps, DType: "I8"}),
		dir+": model.safetensors: cannot write I8, only F32, F16 and BF16")
}
