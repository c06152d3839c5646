package gpt2_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/models/gpt2"
)

func TestJSON(t *testing.T) {
	c := gpt2.New(65, 64, 128, 4, 4)
	c.Bias, c.Activation, c.AttentionDropout = false, gpt2.GELUErf, 0.2
	for _, end := range []int{-1, 64} {
		data, err := c.JSON(end)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := gpt2.ParseJSON(data); err != nil || got != c {
			t.Errorf("%+v, %v\nwant %+v", got, err, c)
		}
	}
	// A file of the hub gives only what departs from the defaults.
	want := gpt2.New(50257, 1024, 1024, 24, 16)
	want.EmbedDropout, want.AttentionDropout, want.ResidualDropout = 0.1, 0.1, 0.1
	if got, err := gpt2.ParseJSON([]byte(`{"model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16}`)); err != nil || got != want {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
}

func TestJSONErrors(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{`{"model_type": "bert"}`, `gpt2: config.json: model_type is "bert", want "gpt2"`},
		{`{"model_type": "gpt2", "n_inner": 5}`, "gpt2: config.json: n_inner is 5, want 3072, four times n_embd"},
		{`{"model_type": "gpt2", "tie_word_embeddings": false}`, "gpt2: config.json: tie_word_embeddings is false; GPT-2 ties them"},
		{`{"model_type": "gpt2", "scale_attn_weights": false}`, "gpt2: config.json: scale_attn_weights is false; attention here scales its scores"},
		{`{"model_type": "gpt2", "scale_attn_by_inverse_layer_idx": true}`, "gpt2: config.json: scale_attn_by_inverse_layer_idx is true; attention here scales the same in every layer"},
		{`{"model_type": "gpt2", "n_head": 7}`, "gpt2: width 768 is not a multiple of 7 heads"},
		{`{`, "gpt2: config.json: unexpected end of JSON input"},
	} {
		if _, err := gpt2.ParseJSON([]byte(c.data)); err == nil || err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", err, c.want)
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	data, _ := tiny().JSON(3)
	f.Add(data)
	f.Add([]byte(`{"model_type": "gpt2", "n_head": 0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := gpt2.ParseJSON(data); err == nil && c.Validate() != nil {
			t.Errorf("accepted %+v", c)
		}
	})
}

func TestAbsent(t *testing.T) {
	if n := len(tiny().Absent()); n != 0 {
		t.Errorf("a model with biases lacks %d tensors", n)
	}
	c := gpt2.New(65, 64, 128, 1, 4)
	c.Bias = false
	absent := c.Absent()
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
