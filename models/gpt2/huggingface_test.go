package gpt2_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// parse reads a config.json of GPT-2.
func parse(data []byte) (gpt2.Config, error) {
	m, err := models.Parse(data)
	c, _ := m.(gpt2.Config)
	return c, err
}

func TestJSON(t *testing.T) {
	other := tiny()
	other.Inner, other.Activation, other.Scaled, other.ScaleByLayer = 10, "swish", false, true
	small := gpt2.New(65, 64, 128, 4, 4)
	small.Bias, small.Activation, small.AttentionDropout = false, gpt2.GELUErf, 0.2
	for _, c := range []gpt2.Config{small, other, tiny()} {
		data, err := models.JSON(c, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parse(data); err != nil || got != c {
			t.Errorf("%+v, %v\nwant %+v", got, err, c)
		}
	}
}

// TestCerebras: the configurations of Cerebras-GPT, which uses GPT-2's code, give the parameter counts of
// ../shared/notes/gpt3-moe.md §B, and their gelu is the exact one.
func TestCerebras(t *testing.T) {
	const file = `{"model_type": "gpt2", "architectures": ["GPT2Model"], "activation_function": "gelu", "attn_pdrop": 0.0, "bos_token_id": 50256,
		"embd_pdrop": 0.0, "eos_token_id": 50256, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "n_embd": %d, "n_head": %d, "n_inner": %d,
		"n_layer": %d, "n_positions": 2048, "reorder_and_upcast_attn": false, "resid_pdrop": 0.0, "scale_attn_by_inverse_layer_idx": false,
		"scale_attn_weights": true, "use_cache": true, "vocab_size": 50257}`
	for _, c := range []struct {
		layers, width, heads int
		want                 int64
	}{{10, 768, 12, 111_050_496}, {18, 1536, 12, 590_310_912}, {24, 2048, 16, 1_315_723_264}, {32, 2560, 32, 2_651_553_280}} {
		m, err := parse(fmt.Appendf(nil, file, c.width, c.heads, 4*c.width, c.layers))
		if err != nil {
			t.Fatal(err)
		}
		params := graph.NewParams(0)
		if err := models.Declare(m, params); err != nil || params.Count() != c.want || m.Activation != gpt2.GELUErf || m.Context != 2048 {
			t.Errorf("%+v: %d parameters, %v, want %d", m, params.Count(), err, c.want)
		}
	}
}

// TestJSONEnds: the first token that ends a text is also written as the one that begins it, as transformers does.
func TestJSONEnds(t *testing.T) {
	for _, c := range []struct {
		ends             []int
		wantEnd, wantBOS string
	}{
		{[]int{0}, "0", "0"},
		{[]int{5}, "5", "5"},
		{[]int{0, 5}, "[0,5]", "0"},
		{[]int{-1}, "null", "null"},
		{nil, "null", "null"},
	} {
		data, err := models.JSON(tiny(), c.ends...)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			End json.RawMessage `json:"eos_token_id"`
			BOS json.RawMessage `json:"bos_token_id"`
		}
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		var end bytes.Buffer
		if err := json.Compact(&end, got.End); err != nil {
			t.Fatal(err)
		}
		if end.String() != c.wantEnd || string(got.BOS) != c.wantBOS {
			t.Errorf("%v: eos_token_id %s, bos_token_id %s, want %s, %s", c.ends, end.String(), got.BOS, c.wantEnd, c.wantBOS)
		}
	}
}

// TestParseJSON compares with what transformers 5.24's AutoConfig reads from the same files.
func TestParseJSON(t *testing.T) {
	for _, c := range []struct {
		data string
		want func(c *gpt2.Config)
	}{
		// Files on the Hub often contain only what differs from the defaults.
		{`{"model_type": "gpt2"}`, func(*gpt2.Config) {}},
		{`{"model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16}`, func(c *gpt2.Config) { c.Width, c.Layers, c.Heads = 1024, 24, 16 }},
		// An alias takes precedence, whichever comes first.
		{`{"model_type": "gpt2", "num_attention_heads": 4}`, func(c *gpt2.Config) { c.Heads = 4 }},
		{`{"model_type": "gpt2", "num_attention_heads": 4, "n_head": 6}`, func(c *gpt2.Config) { c.Heads = 4 }},
		{`{"model_type": "gpt2", "n_head": 6, "num_attention_heads": 4}`, func(c *gpt2.Config) { c.Heads = 4 }},
		{`{"model_type": "gpt2", "hidden_size": 24, "n_embd": 36, "num_hidden_layers": 2, "max_position_embeddings": 8, "n_positions": 9, "n_ctx": 7}`,
			func(c *gpt2.Config) { c.Width, c.Layers, c.Context = 24, 2, 8 }},
		{`{"model_type": "gpt2", "n_inner": null, "eos_token_id": [0, 5]}`, func(*gpt2.Config) {}},
		{`{"model_type": "gpt2", "n_inner": 3072}`, func(c *gpt2.Config) { c.Inner = 3072 }},
		{`{"model_type": "gpt2", "n_inner": 100, "scale_attn_weights": false}`, func(c *gpt2.Config) { c.Inner, c.Scaled = 100, false }},
		{`{"model_type": "gpt2", "scale_attn_by_inverse_layer_idx": true, "activation_function": "gelu_fast"}`,
			func(c *gpt2.Config) { c.ScaleByLayer, c.Activation = true, "gelu_fast" }},
		// Keys that fine-tuning and older versions leave in the file.
		{`{"model_type": "gpt2", "_name_or_path": "gpt2", "_model_name_or_path": "Gpt2", "architectures": ["GPT2DoubleHeadsModel"], "id2label": {"0": "a"}, "label2id": {"a": 0},
			"pruned_heads": {}, "quantization_config": null, "reorder_and_upcast_attn": true, "summary_type": "cls_index", "task_specific_params":
			{"text-generation": {"do_sample": true}}, "torch_dtype": null, "use_cache": false, "gradient_checkpointing": true, "sliding_window": null}`,
			func(*gpt2.Config) {}},
	} {
		want := gpt2.New(50257, 1024, 768, 12, 12)
		want.EmbedDropout, want.AttentionDropout, want.ResidualDropout = 0.1, 0.1, 0.1
		c.want(&want)
		if got, err := parse([]byte(c.data)); err != nil || got != want {
			t.Errorf("%s: %+v, %v\nwant %+v", c.data, got, err, want)
		}
	}
}

func TestJSONErrors(t *testing.T) {
	const unsure = " It may change what the model computes; if not, remove it from the file"
	for _, c := range []struct{ data, want string }{
		{`{"model_type": "gpt2", "n_inner": 0}`, "gpt2: config.json: n_inner is 0, want more than 0, or null"},
		{`{"model_type": "gpt2", "n_inner": 99999999}`, "gpt2: a feed-forward width of 99999999 is not in 0 to 16777216"},
		{`{"model_type": "gpt2", "n_head": null}`, "gpt2: config.json: key n_head: it is null, want a value"},
		{`{"model_type": "gpt2", "n_head": "4"}`, "gpt2: config.json: key n_head: want a whole number, got a string"},
		{`{"model_type": "gpt2", "tie_word_embeddings": 0}`, "gpt2: config.json: key tie_word_embeddings: want true or false, got a number"},
		{`{"model_type": "gpt2", "add_cross_attention": true}`, "gpt2: config.json: add_cross_attention is true, want false or null: there is no cross-attention"},
		{`{"model_type": "gpt2", "pruned_heads": {"0": [1]}}`, `gpt2: config.json: pruned_heads is {"0":[1]}, want {} or null: every block has all its heads`},
		{`{"model_type": "gpt2", "quantization_config": {"bits": 4}}`, `gpt2: config.json: quantization_config is {"bits":4}, want null: the weights must be plain numbers; save them dequantized`},
		{`{"model_type": "gpt2", "n_heads": 4}`, `gpt2: config.json: unknown key "n_heads"; did you mean "n_head"?` + unsure},
		{`{"model_type": "gpt2", "N_head": 4}`, `gpt2: config.json: unknown key "N_head"; did you mean "n_head"?` + unsure},
		{`{"model_type": "gpt2", "sliding_window": 4}`, `gpt2: config.json: unknown key "sliding_window".` + unsure},
		{`{"model_type": "gpt2", "n_head": 7}`, "gpt2: width 768 is not a multiple of 7 heads"},
		{`{"model_type": "gpt2", "activation_function": "mish"}`, `gpt2: activation_function is "mish", want gelu, gelu_accurate, gelu_fast, gelu_new, gelu_python, gelu_python_tanh, gelu_pytorch_tanh, quick_gelu, relu, relu2, silu, swish`},
		{`{`, "config.json: unexpected end of JSON input"},
		{`[1]`, "config.json: want an object, got a list"},
	} {
		if _, err := parse([]byte(c.data)); err == nil || err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", err, c.want)
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	data, _ := models.JSON(tiny(), 3)
	f.Add(data)
	f.Add([]byte(`{"model_type": "gpt2", "n_head": 0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := parse(data); err == nil && models.Validate(c) != nil {
			t.Errorf("accepted %+v", c)
		}
	})
}

func TestAbsent(t *testing.T) {
	if tensors, err := models.TensorsOf(tiny()); err != nil || len(tensors.Zeros) != 0 {
		t.Errorf("a model with biases lacks %v, %v", tensors.Zeros, err)
	}
	c := gpt2.New(65, 64, 128, 1, 4)
	c.Bias = false
	tensors, err := models.TensorsOf(c)
	if err != nil {
		t.Fatal(err)
	}
	absent := tensors.Zeros
	got := slices.Sorted(maps.Keys(absent))
	want := []string{
		"h.0.attn.c_attn.bias", "h.0.attn.c_proj.bias", "h.0.ln_1.bias", "h.0.ln_2.bias",
		"h.0.mlp.c_fc.bias", "h.0.mlp.c_proj.bias", "ln_f.bias",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	if shape := absent["h.0.attn.c_attn.bias"]; !slices.Equal(shape, []int{384}) {
		t.Errorf("shape %v", shape)
	}
}
