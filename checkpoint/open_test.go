package checkpoint

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/memfs"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestOpenForms: formats that record the model's dimensions load the same model as the Hugging Face
// directory of the same weights.
func TestOpenForms(t *testing.T) {
	want, err := Load("testdata/models/gpt2/hf")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"gpt2/tf", "gpt2/llmc.bin", "gpt2/hf/model.safetensors"} {
		path = filepath.Join("testdata/models", path)
		l, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		sameParams(t, l.Params, want.Params)
		if models.DimsOf(l.Model) != models.DimsOf(want.Model) || l.Path != filepath.FromSlash(path) {
			t.Errorf("%s: %v, want %v; it is %s", path, models.DimsOf(l.Model), models.DimsOf(want.Model), l.Path)
		}
		d, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := Verify(path); n != 0 || err != nil {
			t.Errorf("%s: %d tensors checked, %v", path, n, err)
		}
		if _, err := fs.Stat(d.Files(), trainerName); err == nil {
			t.Errorf("%s has a %s", path, trainerName)
		}
	}
	// A format that does not record dimensions, without a configuration beside it.
	dir := t.TempDir()
	copyTo := filepath.Join(dir, "model.safetensors")
	data, err := os.ReadFile("testdata/models/gpt2/hf/model.safetensors")
	if err == nil {
		err = os.WriteFile(copyTo, data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(copyTo)
	sourcetest.Error(t, err, copyTo+": no config.json next to it; it is needed for the number of heads")
	_, err = Open(dir)
	sourcetest.Error(t, err, dir+": no config.json in it: not a checkpoint")
}

// TestFormFiles: a registered form may supply all files from memory, and the files beside it are then ignored.
func TestFormFiles(t *testing.T) {
	dir := t.TempDir()
	if err := tokenizer.Bytes().Save(dir); err != nil {
		t.Fatal(err)
	}
	files := memfs.FS{"generation_config.json": []byte(`{"eos_token_id":[3,4]}`)}
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
		put(t, dir, map[string]string{name: "broken"})
	}
	path := filepath.Join(dir, "model.whole")
	put(t, dir, map[string]string{"model.whole": "whole", "config.json": "broken", "trainer.json": "{}"})
	form := Form{
		Kind:    "whole file",
		Is:      func(_ string, _ os.FileInfo, start []byte) bool { return string(start) == "whole" },
		Weights: func(string) (weights.Source, error) { return source(t, encoded(t, nano(t, 1), models.Tensors{})), nil },
		Config:  func(string) ([]byte, error) { return []byte(nanoConfig), nil },
		Files:   func(string) (fs.FS, error) { return files, nil },
		Alone:   true,
	}
	if err := RegisterForm(form); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	got := nano(t, 2)
	if err := d.Params(got); err != nil {
		t.Fatal(err)
	}
	sameParams(t, got, nano(t, 1))
	tok, err := d.Tokenizer(300)
	if err != nil || tok.Name() != "bytes" {
		t.Errorf("tokenizer %v, %v", tok, err)
	}
	if ends, err := d.EndsOf(tok, 300); !slices.Equal(ends, []int{3, 4}) || err != nil {
		t.Errorf("ends %v, %v", ends, err)
	}
	sourcetest.Error(t, d.Trainer(new(any)), "open "+filepath.Join(path, trainerName)+": file does not exist")
	files["generation_config.json"] = []byte("{")
	_, err = d.Ends()
	sourcetest.Error(t, err, filepath.Join(path, generationName)+": unexpected end of JSON input")
	o, err := Recognize(path)
	if err != nil || o.Tokenizer["tokenizer.json"] != "tokenizer.json" || len(o.Tokenizer) != 3 || o.Where("x") != filepath.Join(path, "x") {
		t.Errorf("%v, %v", o.Tokenizer, err)
	}
}

// TestOriginalTokenizer: an original OpenAI model that comes without a tokenizer gets the published one.
func TestOriginalTokenizer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.bin")
	m, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	m, err = models.Set(m, "vocab_size=50257", "n_embd=4", "n_layer=1", "n_head=1", "n_positions=2", "activation_function=gelu_new")
	if err != nil {
		t.Fatal(err)
	}
	config, err := models.JSON(m)
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	if err := SaveLLMC(path, config, params, weights.F32); err != nil {
		t.Fatal(err)
	}
	l, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if l.Tokenizer == nil || l.Tokenizer.Name() != "gpt2" || !slices.Equal(l.Ends, []int{50256}) {
		t.Errorf("tokenizer %v, ends %v", l.Tokenizer, l.Ends)
	}
}
