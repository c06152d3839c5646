package nanochat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/nanochat"
)

func ExampleNew() {
	c := nanochat.New(65536, 2048, 1280, 20, 10)
	params := graph.NewParams(1)
	if err := models.Declare(c, params); err != nil {
		fmt.Println(err)
	}
	fmt.Println(params.Count(), c.Inner, c.Head().SoftCap)
	// Output: 560988160 5120 15
}

// Two query heads share one head of keys and values, and logits stay within the cap, whatever the weights.
func ExampleConfig_Body() {
	c := nanochat.New(11, 8, 16, 1, 2)
	c.KVHeads, c.SoftCap, c.InitStd = 1, 2, 5
	s := graph.New(graph.NewParams(1))
	logits := models.Logits(c, s, s.Ints("tokens", 1, 3))
	p, err := s.Compile(logits)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if err := p.SetInts("tokens", []int{5, 6, 7}); err != nil {
		fmt.Println(err)
	}
	if err := p.Run(); err != nil {
		fmt.Println(err)
	}
	for _, name := range s.Params().Names() {
		fmt.Println(name, s.Params().Get(name).Shape())
	}
	fmt.Printf("%.4f\n", p.Value(logits)[:4])
	// Output:
	// embed_tokens.weight (11, 16)
	// layers.0.self_attn.q_proj.weight (16, 16)
	// layers.0.self_attn.k_proj.weight (8, 16)
	// layers.0.self_attn.v_proj.weight (8, 16)
	// layers.0.self_attn.o_proj.weight (16, 16)
	// layers.0.mlp.fc1.weight (64, 16)
	// layers.0.mlp.fc2.weight (16, 64)
	// lm_head.weight (11, 16)
	// [2.0000 -1.9130 -1.9983 2.0000]
}

// TestTransformers: transformers' config.json is read in its own keys, including those of its older files,
// and gives the number of parameters that version 5.24 has.
func TestTransformers(t *testing.T) {
	for text, want := range map[string]int64{
		`{"model_type": "nanochat"}`: 256_573_440,
		`{"attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 0, "eos_token_id": 1, "final_logit_softcapping": 15.0, "hidden_act": "relu2",
			"hidden_size": 1280, "initializer_range": 0.02, "intermediate_size": 5120, "max_position_embeddings": 2048, "model_type": "nanochat",
			"num_attention_heads": 10, "num_hidden_layers": 20, "num_key_value_heads": 10, "pad_token_id": 1, "rms_norm_eps": 1e-06,
			"rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "tie_word_embeddings": false, "transformers_version": "5.24.0",
			"use_cache": true, "vocab_size": 65536}`: 560_988_160,
		`{"model_type": "nanochat", "num_key_value_heads": null, "rope_scaling": null, "rope_theta": 1e5, "final_logit_softcapping": null}`: 256_573_440,
		`{"model_type": "nanochat", "rope_theta": null, "rope_parameters": {"partial_rotary_factor": 1.0}}`:                                 256_573_440,
		`{"model_type": "nanochat", "rope_scaling": {"type": "linear", "factor": 2}, "tie_word_embeddings": true}`:                          256_573_440 - 50304*768,
	} {
		m, err := models.Parse([]byte(text))
		if err != nil {
			t.Errorf("%v of %s", err, text)
			continue
		}
		params := graph.NewParams(0)
		if err := models.Declare(m, params); err != nil || params.Count() != want {
			t.Errorf("%d parameters, %v, want %d", params.Count(), err, want)
		}
		written, err := models.JSON(m)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(written), `"rope_theta": null`) {
			t.Error("it is written as null, of which transformers makes the base")
		}
		if back, err := models.Parse(written); err != nil || back != m {
			t.Errorf("%+v is read back as %+v, %v", m, back, err)
		}
	}
}

// TestWidth: if a run changes the width, the inner width of the MLP keeps its ratio to it, unless it is set too.
func TestWidth(t *testing.T) {
	m, err := models.Find("nanochat-nano")
	if err != nil {
		t.Fatal(err)
	}
	d := models.DimsOf(m)
	d.Width = 192
	wide := models.WithDims(m, d).(nanochat.Config)
	set, err := models.Set(wide, "intermediate_size=500", "final_logit_softcapping=null")
	if err != nil || wide.Inner != 4*192 || set.(nanochat.Config).Inner != 500 || set.(nanochat.Config).SoftCap != 0 {
		t.Errorf("%+v, %+v, %v", wide, set, err)
	}
}

// TestOlderKey: if one of two keys for the same setting is null, it is ignored.
func TestOlderKey(t *testing.T) {
	for _, text := range []string{
		`{"model_type": "nanochat", "rope_parameters": {"rope_type": "linear", "factor": 2}, "rope_scaling": null}`,
		`{"model_type": "nanochat", "rope_parameters": null, "rope_scaling": {"rope_type": "linear", "factor": 2}}`,
	} {
		if m, err := models.Parse([]byte(text)); err != nil || m.(nanochat.Config).Rotary != `{"rope_type":"linear","factor":2}` {
			t.Errorf("%s is %+v, %v", text, m, err)
		}
	}
}

// TestErrors: an error is one line, and names the key.
func TestErrors(t *testing.T) {
	const unknown = `nanochat: config.json: unknown key "%s". It may change what the model computes; if not, remove it from the file`
	for more, want := range map[string]string{
		`"num_key_value_heads": 4`:                                 "nanochat: num_key_value_heads is 4, want a divisor of the 6 heads",
		`"num_key_value_heads": -1`:                                "nanochat: num_key_value_heads is -1, want a divisor of the 6 heads",
		`"intermediate_size": 0`:                                   "nanochat: intermediate_size is 0, want 1 to 16777216",
		`"intermediate_size": 16777217`:                            "nanochat: intermediate_size is 16777217, want 1 to 16777216",
		`"final_logit_softcapping": 0`:                             "nanochat: config.json: final_logit_softcapping is 0, want more than 0, or null",
		`"final_logit_softcapping": 0.0`:                           "nanochat: config.json: final_logit_softcapping is 0.0, want more than 0, or null",
		`"final_logit_softcapping": -1`:                            "nanochat: final_logit_softcapping is -1, want a number above 0, or null",
		`"hidden_act": "gelu"`:                                     `nanochat: config.json: hidden_act is "gelu", want "relu2" or null: the activation is a squared ReLU`,
		`"attention_bias": true`:                                   "nanochat: config.json: attention_bias is true, want false or null: no layer has a bias",
		`"initializer": "zeros"`:                                   `nanochat: initializer is "zeros", want normal or fan_in`,
		`"hidden_size": 18`:                                        "nanochat: rope_scaling: 3 columns cannot be rotated in pairs; want an even number",
		`"rope_theta": -1`:                                         "nanochat: rope_scaling: a base of -1 has no frequencies",
		`"rope_theta": 0`:                                          "nanochat: config.json: rope_theta is 0, want more than 0, or null",
		`"rope_parameters": {"partial_rotary_factor": 0.5}`:        "nanochat: rope_parameters: partial_rotary_factor rotates 64 of 128 columns, want all",
		`"rope_scaling": {"rope_type": "dynamic", "factor": 2}`:    `nanochat: rope_scaling: rope_type is "dynamic", want default, linear, ntk, yarn or llama3`,
		`"rope_parameters": {"rope_type": "longrope"}`:             `nanochat: rope_scaling: rope_type is "longrope", want default, linear, ntk, yarn or llama3`,
		`"rope_parameters": {"full_attention": {"rope_theta": 1}}`: `nanochat: rope_scaling: default has no key "full_attention"; it has rope_theta, partial_rotary_factor`,
		`"rope_parameters": [1]`:                                   "nanochat: rope_parameters: want an object, got [1]",
		`"sliding_window": 128`:                                    fmt.Sprintf(unknown, "sliding_window"),
		`"value_embeds": true`:                                     fmt.Sprintf(unknown, "value_embeds"),
	} {
		if _, err := models.Parse([]byte(`{"model_type": "nanochat", ` + more + `}`)); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", more, err, want)
		}
	}
	odd := nanochat.New(11, 8, 6, 1, 2) // not validated before it is declared, but nothing panics
	if err := models.Declare(odd, graph.NewParams(0)); err == nil || err.Error() != "layers.0.self_attn: Rotary: rope_scaling: 3 columns cannot be rotated in pairs; want an even number" {
		t.Error(err)
	}
}
