package gptneo_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gptneo"
)

// A local layer with a window of 2: position 3 sees positions 2 and 3.
func ExampleConfig_Body() {
	c := gptneo.New(11, 8, 4, 2, 1)
	c.Window = 2
	maps, err := models.AttentionMaps(c, graph.NewParams(1), []int{5, 6, 7, 8}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f\n", maps[0][3*4:])
	// Output: [0.00 0.00 0.50 0.50]
}

func ExampleNewTypes() {
	t := gptneo.NewTypes([]string{"global", "local", "global", "local"})
	text, err := t.MarshalJSON()
	fmt.Println(string(text), err)
	// Output: [[["global","local"],2]] <nil>
}

// TestEleutherAI: the config.json of the released models is read in its own keys, and gives the number of
// parameters that transformers 5.24 has.
func TestEleutherAI(t *testing.T) {
	for text, want := range map[string]int64{
		`{"model_type": "gpt_neo", "architectures": ["GPTNeoForCausalLM"], "activation_function": "gelu_new", "attention_dropout": 0,
			"attention_layers": ["global", "local", "global", "local", "global", "local", "global", "local", "global", "local", "global", "local"],
			"attention_types": [[["global", "local"], 6]], "bos_token_id": 50256, "embed_dropout": 0, "eos_token_id": 50256, "gradient_checkpointing": false,
			"hidden_size": 768, "initializer_range": 0.02, "intermediate_size": null, "layer_norm_epsilon": 1e-05, "max_position_embeddings": 2048,
			"num_heads": 12, "num_layers": 12, "resid_dropout": 0, "summary_activation": null, "summary_first_dropout": 0.1, "summary_proj_to_labels": true,
			"summary_type": "cls_index", "summary_use_proj": true, "transformers_version": "4.9.0.dev0", "use_cache": true, "vocab_size": 50257, "window_size": 256}`: 125_198_592,
		`{"model_type": "gpt_neo", "attention_types": [[["global", "local"], 12]]}`:                                                                 1_315_575_808,
		`{"model_type": "gpt_neo", "hidden_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 20, "attention_types": [[["global"], 32]]}`: 2_651_307_520,
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
	}
}

// TestTypes: attention types in the forms that files have are read as runs of layers, and written back.
func TestTypes(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
		back string
	}{
		{`[[["global"], 3]]`, []string{"global", "global", "global"}, `[[["global"],3]]`},
		{`[[["global", "local"], 2]]`, []string{"global", "local", "global", "local"}, `[[["global","local"],2]]`},
		{`[[["global"], 1], [["local"], 2]]`, []string{"global", "local", "local"}, `[[["global","local","local"],1]]`},
		{`[[["local", "local"], 1], [["local"], 2]]`, []string{"local", "local", "local", "local"}, `[[["local"],4]]`},
		{`[[["global", "local", "global"], 1]]`, []string{"global", "local", "global"}, `[[["global","local","global"],1]]`},
	} {
		var got gptneo.Types
		if err := got.UnmarshalJSON([]byte(c.text)); err != nil || got != gptneo.NewTypes(c.want) {
			t.Errorf("%s: %+v, %v, want %v", c.text, got, err, c.want)
		}
		if back, err := got.MarshalJSON(); err != nil || string(back) != c.back {
			t.Errorf("%s: written %s, %v", c.text, back, err)
		}
		model := gptneo.New(11, 8, 4, len(c.want), 1)
		model.Types, model.Window = got, 1
		var sees []string // global or local, by what the last position attends to
		for layer := range c.want {
			maps, err := models.AttentionMaps(model, graph.NewParams(1), []int{5, 6}, layer)
			if err != nil {
				t.Fatal(err)
			}
			sees = append(sees, map[bool]string{true: "local", false: "global"}[maps[0][2] == 0])
		}
		if !slices.Equal(sees, c.want) {
			t.Errorf("%s: layers are %v", c.text, sees)
		}
		text, err := models.JSON(model)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := models.Parse(text); err != nil || back != models.Model(model) {
			t.Errorf("%+v read back as %+v, %v", model, back, err)
		}
	}
}

// TestErrors: invalid configurations give one-line errors.
func TestErrors(t *testing.T) {
	const malformed = `gptneo: config.json: attention_types: want runs of layers, as in [[["global", "local"], 12]]`
	for more, want := range map[string]string{
		`"num_layers": 6`:         "gptneo: attention_types describe 24 layers, but the model has 6",
		`"attention_types": null`: "gptneo: config.json: key attention_types: it is null, want a value",
		`"attention_types": []`:   malformed,
		`"num_layers": 6, "attention_types": [[["global"], 1]]`:                          "gptneo: attention_types describe 1 layer, but the model has 6",
		`"attention_types": [[["global"]]]`:                                              malformed,
		`"attention_types": [[[], 24]]`:                                                  malformed,
		`"attention_types": [[["global"], 0]]`:                                           malformed,
		`"attention_types": "global"`:                                                    malformed,
		`"attention_types": [[["global", "sparse"], 12]]`:                                `gptneo: config.json: attention_types: a kind of layer is "sparse", want global or local`,
		`"attention_types": [[["global"], 9000000000000000000]]`:                         "gptneo: config.json: attention_types: more than 1000 layers",
		`"attention_types": [[["global"], 600], [["local"], 401]]`:                       "gptneo: config.json: attention_types: more than 1000 layers",
		`"num_layers": 2, "attention_types": [[["local"], 2]], "attention_layers": []`:   "gptneo: config.json: attention_layers: want a list of global and local",
		`"num_layers": 1, "attention_types": [[["local"], 1]], "attention_layers": [""]`: `gptneo: config.json: attention_layers: a kind of layer is "", want global or local`,
		// transformers would use attention_layers, whatever attention_types says.
		`"num_layers": 2, "attention_types": [[["local"], 2]], "attention_layers": ["local", "global"]`: "gptneo: attention_layers are local,global, which differ from attention_types; remove one of the two",
		`"window_size": 0`:              "gptneo: window_size is 0, want 1 to 16777216",
		`"window_size": 16777217`:       "gptneo: window_size is 16777217, want 1 to 16777216",
		`"intermediate_size": 0`:        "gptneo: config.json: intermediate_size is 0, want more than 0, or null",
		`"intermediate_size": 16777217`: "gptneo: a feed-forward width of 16777217 is not in 0 to 16777216",
		`"activation_function": "mish"`: `gptneo: activation_function is "mish", want gelu, gelu_accurate, gelu_fast, gelu_new, gelu_python, gelu_python_tanh, gelu_pytorch_tanh, quick_gelu, relu, relu2, silu, swish`,
		`"num_heads": 7`:                "gptneo: width 2048 is not a multiple of 7 heads",
		`"resid_dropout": 1`:            "gptneo: a dropout rate of 1 is not in [0, 1); it is resid_dropout",
		`"scale_attn_weights": true`:    `gptneo: config.json: unknown key "scale_attn_weights". It may change what the model computes; if not, remove it from the file`,
	} {
		if _, err := models.Parse([]byte(`{"model_type": "gpt_neo", ` + more + `}`)); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", more, err, want)
		}
	}
	bad := gptneo.New(11, 8, 4, 2, 1)
	bad.Types = gptneo.Types{Period: "global,none", Times: 1}
	if err := models.Validate(bad); err == nil || err.Error() != `gptneo: attention_types: a kind of layer is "none", want global or local` {
		t.Error(err)
	}
	bad.Types = gptneo.Types{Period: "global", Times: -2}
	if err := models.Declare(bad, graph.NewParams(0)); err != nil { // there are no layers, but nothing panics
		t.Error(err)
	}
}

func FuzzTypes(f *testing.F) {
	f.Add(`[[["global", "local"], 12]]`)
	f.Add(`[[["global"], 1e3]]`)
	f.Fuzz(func(t *testing.T, text string) {
		var types gptneo.Types
		if types.UnmarshalJSON([]byte(text)) != nil {
			return
		}
		back, err := types.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var again gptneo.Types
		if err := again.UnmarshalJSON(back); err != nil || again != types {
			t.Errorf("%s: %+v, written %s, read back as %+v, %v", text, types, back, again, err)
		}
	})
}
