package checkpoint

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
)

// nanoConfig is a configuration for the weights of nano, in transformers' form.
const nanoConfig = `{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 11, "n_positions": 8,
"n_embd": 4, "n_layer": 2, "n_head": 2, "activation_function": "gelu", "bias": false, "bos_token_id": null, "eos_token_id": null}
`

func TestSaveOpen(t *testing.T) {
	type state struct {
		Step int    `json:"step"`
		Data string `json:"data"`
	}
	dir := filepath.Join(t.TempDir(), "step-1")
	want := nano(t, 1)
	moments := []Tensor{
		tensorOf("m/wte.weight", []int{11, 4}, make([]float32, 44)),
		tensorOf("v/wte.weight", []int{44}, make([]float32, 44)),
	}
	moments[0].Data[43] = 0x1p-149
	err := Save(dir, Contents{
		Config: []byte(nanoConfig),
		Params: want,
		Tokenizer: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(`{"<b>":1}`), 0o666)
		},
		Trainer:   state{7, "a<b"},
		Optimizer: moments,
	})
	if err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, configName, weightsName, optimizerName, "tokenizer.json", trainerName)
	wantFile(t, filepath.Join(dir, configName), nanoConfig)
	wantFile(t, filepath.Join(dir, trainerName), "{\n  \"step\": 7,\n  \"data\": \"a<b\"\n}\n")

	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Type string `json:"model_type"`
	}
	if err := c.Config(&config); err != nil || config.Type != "gpt2" {
		t.Errorf("config %+v, %v; want gpt2", config, err)
	}
	var raw json.RawMessage
	if err := c.Config(&raw); err != nil || len(raw) == 0 {
		t.Errorf("raw config %q, %v", raw, err)
	}
	got := nano(t, 2)
	if err := c.Params(got); err != nil {
		t.Fatal(err)
	}
	sameParams(t, got, want)
	var s state
	if err := c.Trainer(&s); err != nil || s != (state{7, "a<b"}) {
		t.Errorf("trainer %+v, %v", s, err)
	}
	f, err := c.Optimizer()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, m := range moments {
		x := make([]float32, len(m.Data))
		if err := f.Read(m.Name, x); err != nil || !sourcetest.SameBits(x, m.Data) {
			t.Errorf("%s: %v, or values differ", m.Name, err)
		}
	}
}

func TestSaveLeast(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	if err := Save(dir, Contents{Config: map[string]int{"n": 1}, Params: nano(t, 1)}); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, configName, weightsName)
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := c.Trainer(&v); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("trainer: %v, want fs.ErrNotExist", err)
	}
	if _, err := c.Optimizer(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("optimizer: %v, want fs.ErrNotExist", err)
	}
}

func TestSaveErrors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	good := Contents{Config: []byte("{}"), Params: nano(t, 1)}
	if err := Save(dir, good); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		change func(*Contents)
		want   string
	}{
		{func(c *Contents) { c.Config = nil }, "a checkpoint needs a Config and Params"},
		{func(c *Contents) { c.Params = nil }, "a checkpoint needs a Config and Params"},
		{func(c *Contents) { c.Config = []byte("{") }, "config.json: not valid JSON"},
		{func(c *Contents) { c.Config = json.RawMessage("x") }, "config.json: not valid JSON"},
		{func(c *Contents) { c.Trainer = func() {} }, "trainer.json: json: unsupported type: func()"},
		{func(c *Contents) { c.Tokenizer = func(string) error { return errFull } }, "tokenizer: no space left on device"},
		{func(c *Contents) { c.Optimizer = []Tensor{{Name: "m", Shape: []int{2}}} },
			"optimizer.safetensors: m: 0 numbers do not fill shape (2)"},
	}
	for _, test := range tests {
		c := good
		c.Params = nano(t, 2)
		test.change(&c)
		sourcetest.Error(t, Save(dir, c), dir+": "+test.want)
	}
	wantNames(t, filepath.Dir(dir), "model")
	saved, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := nano(t, 3)
	if err := saved.Params(got); err != nil {
		t.Fatal(err)
	}
	sameParams(t, got, good.Params)
}

func TestReadJSONErrors(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{configName: ""})
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, configName)
	var v struct {
		Layers int `json:"n_layer"`
	}
	for text, want := range map[string]string{
		"":                   "unexpected end of JSON input",
		`{"n_layer": 2,}`:    "invalid character '}' looking for beginning of object key string (byte 15)",
		`{"n_layer": "two"}`: "key n_layer: want a whole number, got a string",
	} {
		put(t, dir, map[string]string{configName: text})
		sourcetest.Error(t, c.Config(&v), path+": "+want)
	}
	if err := os.Truncate(path, maxJSON+1); err != nil {
		t.Fatal(err)
	}
	sourcetest.Error(t, c.Config(&v), path+": 67108865 bytes, want a JSON file of at most 67108864")
	sourcetest.Error(t, c.Params(nano(t, 1)), dir+": no weights in it, want model.safetensors or pytorch_model.bin")
}
