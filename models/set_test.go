package models_test

import (
	"fmt"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/models/gpt3"
	"github.com/gorgpt/gorgpt/models/gptneo"
	"github.com/gorgpt/gorgpt/ops"
)

// A GPT-3 with narrower bands, in all but every fourth layer.
func ExampleSet() {
	m, err := models.Find("gpt3-125m")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err = models.Set(m, "window_size=64", "attention_order=banded,banded,banded,dense")
	if err != nil {
		fmt.Println(err)
		return
	}
	c := m.(gpt3.Config)
	fmt.Println(c.Window, c.Banded(2), c.Banded(3))
	_, err = models.Set(m, "windw_size=3")
	fmt.Println(err)
	// Output:
	// 64 true false
	// unknown key "windw_size"; did you mean "window_size"?
}

// TestSet sets values of each kind, also by aliases; keys that are not set keep their values.
func TestSet(t *testing.T) {
	m := gpt2.New(13, 9, 12, 2, 3)
	m.Composed = true
	want := m
	want.Inner, want.Bias, want.Activation, want.Epsilon, want.Heads = 20, false, gpt2.ReLU, 1e-3, 4
	got, err := models.Set(m, "n_inner=20", "bias=false", "activation_function=relu", "layer_norm_epsilon=1e-3", "num_attention_heads=4")
	if err != nil || got != models.Model(want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
	if got, err = models.Set(want, "n_inner=null", `activation_function="gelu"`); err != nil || got.(gpt2.Config).Inner != 0 || got.(gpt2.Config).Activation != gpt2.GELUErf {
		t.Errorf("%+v, %v", got, err)
	}
	edited := models.Edit(m, graph.Replace("h.*.mlp.act", ops.ReLU))
	if got, err = models.Set(edited, "n_layer=1"); err != nil || models.DimsOf(got).Layers != 1 || models.Declare(got, graph.NewParams(0)) != nil {
		t.Errorf("edited: %+v, %v", got, err)
	}
	if text, err := models.JSON(got); err != nil || len(text) == 0 {
		t.Error(err)
	} else if edits, err := models.Edits(text); err != nil || len(edits) != 1 {
		t.Errorf("%q edits are left, %v", edits, err)
	}
	lists := []string{`attention_types=[[["local"], 2]]`, `attention_layers=["local", "local"]`}
	if got, err = models.Set(gptneo.New(13, 9, 12, 2, 3), lists...); err != nil || got.(gptneo.Config).Types != (gptneo.Types{Period: "local", Times: 2}) || got.(gptneo.Config).Listed != "local,local" {
		t.Errorf("lists: %+v, %v", got, err)
	}
	if got, err = models.Set(m); err != nil || got != models.Model(m) {
		t.Errorf("nothing set: %+v, %v", got, err)
	}
}

// TestSetErrors: unknown keys and invalid values are named.
func TestSetErrors(t *testing.T) {
	for _, c := range []struct {
		m    models.Model
		pair []string
		want string
	}{
		{gpt2.New(13, 9, 12, 2, 3), []string{"n_layer"}, `"n_layer": want key=value`},
		{gpt2.New(13, 9, 12, 2, 3), []string{"=3"}, `"=3": want key=value`},
		{gpt2.New(13, 9, 12, 2, 3), []string{"n_heads=3"}, `unknown key "n_heads"; did you mean "n_head"?`},
		{gpt2.New(13, 9, 12, 2, 3), []string{"window_size=3"}, `unknown key "window_size"; want one of activation_function, attn_pdrop, bias, embd_pdrop, initializer_range, layer_norm_epsilon, n_embd, n_head, n_inner, n_layer, n_positions, resid_pdrop, scale_attn_by_inverse_layer_idx, scale_attn_weights, tie_word_embeddings, vocab_size`},
		// A file may have this key, but nothing depends on it.
		{gpt1.New(13, 9, 12, 2, 3), []string{"n_ctx=3"}, `unknown key "n_ctx"; want one of afn, attn_pdrop, embd_pdrop, initializer_range, layer_norm_epsilon, n_embd, n_head, n_layer, n_positions, resid_pdrop, tie_word_embeddings, vocab_size`},
		{gpt2.New(13, 9, 12, 2, 3), []string{"n_layer=many"}, "gpt2: key n_layer: want a whole number, got a string"},
		{gpt2.New(13, 9, 12, 2, 3), []string{"n_layer=1.5"}, "gpt2: key n_layer: want a whole number, got 1.5"},
		{gpt2.New(13, 9, 12, 2, 3), []string{"n_layer="}, "gpt2: key n_layer: want a whole number, got a string"},
		{gpt2.New(13, 9, 12, 2, 3), []string{"bias=1"}, "gpt2: key bias: want true or false, got a number"},
		{gpt2.New(13, 9, 12, 2, 3), []string{"n_head=5"}, "gpt2: width 12 is not a multiple of 5 heads"},
		{gpt2.New(13, 9, 12, 2, 3), []string{"n_inner=0"}, "gpt2: n_inner is 0, want more than 0, or null"},
		{gpt2.New(13, 9, 12, 2, 3), []string{"n_head=2", "num_attention_heads=3"}, "num_attention_heads=3: the key n_head is given twice"},
		{gpt3.New(13, 9, 12, 2, 3), []string{"window_size=0"}, `gpt3: window_size is 0, want 1 or more: attention_order is "dense,banded", and a position in a banded layer sees at least itself`},
	} {
		if _, err := models.Set(c.m, c.pair...); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v\nwant %s", c.pair, err, c.want)
		}
	}
}
