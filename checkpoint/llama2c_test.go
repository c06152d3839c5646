package checkpoint

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// TestRecognizeLlama2C: llama2.c's files give the same model as the directory that transformers wrote.
func TestRecognizeLlama2C(t *testing.T) {
	reference, err := Recognize("testdata/models/llama/hf")
	if err != nil {
		t.Fatal(err)
	}
	defer reference.Weights.Close()
	want, err := models.Parse(reference.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first.bin", "version1.bin", "version2.bin"} {
		o, err := Recognize(filepath.Join("testdata/models/llama", name))
		if err != nil {
			t.Fatal(err)
		}
		defer o.Weights.Close()
		m, err := models.Parse(o.Config)
		if err != nil || o.Kind != "llama2.c model file" {
			t.Fatalf("%s: %s, %v", name, o.Kind, err)
		}
		if got, want := logits(t, m, o), logits(t, want, reference); !sourcetest.SameBits(got, want) {
			t.Errorf("%s: the logits are %v, want %v", name, got, want)
		}
	}
}

// logits returns the logits after a few tokens.
func logits(t *testing.T, m models.Model, o *Origin) []float32 {
	t.Helper()
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	if err := o.MapParams(params); err != nil {
		t.Fatal(err)
	}
	s := graph.New(params)
	x := models.Logits(m, s, s.Ints("tokens", 1, 5))
	p, err := s.Compile(x)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInts("tokens", []int{1, 12, 7, 0, 3}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return append([]float32(nil), p.Value(x)...)
}

// TestSaveLlama2CErrors: Llama models that run.c would compute differently are rejected.
func TestSaveLlama2CErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	for more, want := range map[string]string{
		`"model_type": "mixtral"`:                               "llama2.c supports only Llama; model_type is mixtral",
		`"mlp_bias": true`:                                      "llama2.c's layers have no biases; attention_bias is false, mlp_bias is true",
		`"head_dim": 6`:                                         "llama2.c's heads together span the width, 8; head_dim is 6, with 4 heads",
		`"rms_norm_eps": 1e-6`:                                  "llama2.c adds 1e-5 to a mean square; rms_norm_eps is 1e-06",
		`"rope_theta": 100000`:                                  "llama2.c's frequencies have a base of 10000; rope_theta is 100000",
		`"rope_parameters": {"rope_theta": 5e5}`:                "llama2.c's frequencies have a base of 10000; rope_theta is 500000",
		`"rope_parameters": {"type": "linear", "factor": 2}`:    "llama2.c does not scale rotary frequencies; rope_type is linear",
		`"rope_parameters": {"rope_type": "yarn", "factor": 2}`: "llama2.c does not scale rotary frequencies; rope_type is yarn",
		`"hidden_size": "x"`:                                    "config.json: key hidden_size: want a whole number, got a string",
		`"num_hidden_layers": 2`:                                "no embed_tokens.weight, which llama2.c's Llama requires",
	} {
		config := `{"model_type": "llama", "vocab_size": 13, "max_position_embeddings": 6, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 4, "rms_norm_eps": 1e-5}`
		config = strings.Replace(config, "}", ", "+more+"}", 1)
		sourcetest.Error(t, SaveLlama2C(path, []byte(config), graph.NewParams(1)), path+": "+want)
		if exists(path) {
			t.Error("a file is left")
		}
	}
}
