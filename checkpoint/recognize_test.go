package checkpoint

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// stored are the forms of one GPT-2 and one GPT-1 that testdata/models/make.py made with PyTorch,
// transformers, TensorFlow and NumPy. All forms hold the same numbers.
var stored = map[string]map[string]string{
	"testdata/models/gpt2": {
		"hf":                       "Hugging Face directory",
		"sharded":                  "Hugging Face directory",
		"f16":                      "Hugging Face directory",
		"bf16":                     "Hugging Face directory",
		"zip":                      "Hugging Face directory",
		"legacy":                   "Hugging Face directory",
		"hf/model.safetensors":     "safetensors file",
		"zip/pytorch_model.bin":    "PyTorch file",
		"legacy/pytorch_model.bin": "PyTorch file",
		"tf":                       "OpenAI GPT-2, TensorFlow checkpoint",
		"llmc.bin":                 "llm.c model file",
		"llmc_bf16.bin":            "llm.c model file",
	},
	"testdata/models/gpt1": {
		"hf":  "Hugging Face directory",
		"npy": "OpenAI GPT-1, params_*.npy",
	},
}

// transformed are names of tensors that may have the prefix of transformers' GPT models.
var transformed = models.Tensors{Prefix: "transformer."}

// declared declares the parameters that a source holds.
func declared(t testing.TB, src weights.Source) *graph.Params {
	t.Helper()
	ps := graph.NewParams(1)
	for _, info := range src.Tensors() {
		if _, err := ps.Declare(transformed.Bare(info.Name), graph.Zeros(), info.Shape...); err != nil {
			t.Fatal(err)
		}
	}
	return ps
}

// TestEveryFormIsTheSame reads each form, both by copying and by mapping, and compares all numbers bit for
// bit with the Hugging Face directory's.
func TestEveryFormIsTheSame(t *testing.T) {
	for dir, forms := range stored {
		reference, err := Recognize(filepath.Join(dir, "hf"))
		if err != nil {
			t.Fatal(err)
		}
		defer reference.Weights.Close()
		want := declared(t, reference.Weights)
		if err := ReadParams(reference.Weights, want, transformed); err != nil {
			t.Fatal(err)
		}
		if n := want.Count(); n < 1800 {
			t.Fatalf("%s: %d numbers, want a model", dir, n)
		}
		for _, name := range slices.Sorted(maps.Keys(forms)) {
			t.Run(filepath.Join(filepath.Base(dir), name), func(t *testing.T) {
				o, err := Recognize(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				defer o.Weights.Close()
				if o.Kind != forms[name] {
					t.Errorf("kind %q, want %q", o.Kind, forms[name])
				}
				sameConfig(t, o.Config, reference.Config)
				names, err := tensorsOf(o.Config)
				if err != nil {
					t.Fatal(err)
				}
				for _, read := range []func(weights.Source, *graph.Params, models.Tensors) error{ReadParams, MapParams} {
					got := declared(t, reference.Weights)
					if err := read(o.Weights, got, names); err != nil {
						t.Fatal(err)
					}
					sameParams(t, got, want)
				}
			})
		}
	}
}

// sameConfig compares the type and the dimensions of two configurations.
func sameConfig(t *testing.T, got, want []byte) {
	t.Helper()
	var sizes [2]struct {
		Type    string `json:"model_type"`
		Vocab   int    `json:"vocab_size"`
		Context int    `json:"n_positions"`
		Width   int    `json:"n_embd"`
		Layers  int    `json:"n_layer"`
		Heads   int    `json:"n_head"`
	}
	for i, text := range [][]byte{got, want} {
		if err := json.Unmarshal(text, &sizes[i]); err != nil {
			t.Fatal(err)
		}
	}
	if sizes[0] != sizes[1] {
		t.Errorf("config %+v, want %+v", sizes[0], sizes[1])
	}
}

// TestMapWrites: writing to mapped parameters does not change the file.
func TestMapWrites(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/models/gpt2/hf")); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	read := func() *graph.Params {
		src, err := d.Weights()
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		ps := declared(t, src)
		if err := MapParams(src, ps, transformed); err != nil {
			t.Fatal(err)
		}
		return ps
	}
	first := read()
	was := first.Get("wte.weight").Data()[3]
	first.Get("wte.weight").Data()[3] = was + 1
	if got := read().Get("wte.weight").Data()[3]; got != was {
		t.Errorf("read again: %v, want %v", got, was)
	}
	if got := first.Get("wte.weight").Data()[3]; got != was+1 {
		t.Errorf("written: %v, want %v", got, was+1)
	}
	// The file is replaced, as Save does: the mapping keeps the old contents.
	if err := Save(dir, Contents{Config: []byte(nanoConfig), Params: nano(t, 1)}); err != nil {
		t.Fatal(err)
	}
	if got := first.Get("wte.weight").Data()[4]; got == nano(t, 1).Get("wte.weight").Data()[4] {
		t.Error("a new checkpoint changed the parameters of the old one")
	}
}

func TestRecogniseErrors(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"notes.txt": "Hello"})
	wantNo := ": no model in it: want a Hugging Face directory, OpenAI's TensorFlow checkpoint or params_*.npy, pytorch_model.bin, nanoGPT's ckpt.pt, a .bin of llm.c or llama2.c, or a GGUF file"
	_, err := Recognize(dir)
	sourcetest.Error(t, err, dir+wantNo)
	_, err = Recognize(filepath.Join(dir, "notes.txt"))
	sourcetest.Error(t, err, filepath.Join(dir, "notes.txt")+wantNo)

	put(t, dir, map[string]string{"model.safetensors": "Hello"})
	_, err = Recognize(dir)
	sourcetest.Error(t, err, dir+": no config.json next to it; it is needed for the number of heads")
}

func TestTokenizerFiles(t *testing.T) {
	o, err := Recognize("testdata/models/gpt2/tf")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Weights.Close()
	want := map[string]string{
		"vocab.json": "encoder.json",
		"merges.txt": "vocab.bpe",
	}
	if !maps.Equal(o.Tokenizer, want) {
		t.Errorf("tokenizer %v, want %v", o.Tokenizer, want)
	}
	if got := o.Where("encoder.json"); got != filepath.FromSlash("testdata/models/gpt2/tf/encoder.json") {
		t.Errorf("encoder.json is %s", got)
	}
}

// TestRegisterForm: a registered form is tried before the built-in ones, and cannot be registered twice.
func TestRegisterForm(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.toy")
	put(t, dir, map[string]string{"model.toy": "toy"})
	toy := Form{
		Kind:    "toy file",
		Is:      func(path string, _ os.FileInfo, start []byte) bool { return string(start) == "toy" },
		Weights: func(string) (weights.Source, error) { return source(t, encoded(t, nano(t, 1), models.Tensors{})), nil },
		Config:  func(string) ([]byte, error) { return []byte(nanoConfig), nil },
	}
	if err := RegisterForm(toy); err != nil {
		t.Fatal(err)
	}
	o, err := Recognize(path)
	if err != nil {
		t.Fatal(err)
	}
	got := nano(t, 2)
	if err := o.MapParams(got); err != nil || o.Kind != toy.Kind || !o.MadeConfig {
		t.Fatal(o.Kind, err)
	}
	sameParams(t, got, nano(t, 1))
	sourcetest.Error(t, RegisterForm(toy), `checkpoint: two forms are called "toy file"`)
	sourcetest.Error(t, RegisterForm(Form{Kind: "none"}), `checkpoint: a form needs Kind, Is and Weights; "none" lacks one`)
}
