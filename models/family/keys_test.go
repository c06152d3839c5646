package family_test

import (
	"testing"

	"github.com/gorgpt/gorgpt/models/family"
)

// TestParse: which keys are read, including aliases, and which are rejected by name.
func TestParse(t *testing.T) {
	defaults := small()
	defaults.Layers = 12
	f := family.Family{
		Type: "toy-lm", Default: defaults, Aliases: map[string]string{"num_layers": "num_hidden_layers", "a_depth": "num_hidden_layers"},
		Only:     []family.Only{{Key: "relative", Values: []string{"false", "null"}, Why: "positions are absolute"}},
		Harmless: []string{"extra", "label_*"},
	}
	long := `"` + "0123456789012345678901234567890123456789012345678901234567890123456789" + `"`
	for _, c := range []struct {
		text   string // after model_type
		layers int
		want   string // the error
	}{
		{``, 12, ""},
		{`,"num_hidden_layers":3`, 3, ""},
		{`,"num_layers":4`, 4, ""},
		{`,"num_hidden_layers":3,"num_layers":4`, 4, ""}, // the alias takes precedence, whichever is read first
		{`,"num_hidden_layers":3,"a_depth":4`, 4, ""},
		{`,"num_hidden_layers":null`, 0, "key num_hidden_layers: it is null, want a value"},
		{`,"num_hidden_layers":"x"`, 0, "key num_hidden_layers: want a whole number, got a string"},
		{`,"intermediate_size":null,"eos_token_id":null`, 12, ""},
		{`,"intermediate_size":0`, 0, "intermediate_size is 0, want more than 0, or null"},
		{`,"eos_token_id":"x"`, 0, "eos_token_id: want the id of a token, a list of ids, or null"},
		{`,"relative":false`, 12, ""}, {`,"relative": null`, 12, ""},
		{`,"relative":true`, 0, "relative is true, want false or null: positions are absolute"},
		{`,"relative":` + long, 0, "relative is " + long[:60] + "…, want false or null: positions are absolute"},
		{`,"extra":7,"label_x":[1],"label_":2`, 12, ""},
		{`,"extra_x":null`, 12, ""},
		{`,"tie_word_embeddings":true`, 12, ""},
		{`,"tie_word_embeddings":false`, 0, "tie_word_embeddings is false, want true: the head shares the token embedding"},
		{`,"num_hidden_layer":3`, 0, `unknown key "num_hidden_layer"; did you mean "num_hidden_layers"? It may change what the model computes; if not, remove it from the file`},
		{`,"relativ":1`, 0, `unknown key "relativ"; did you mean "relative"? It may change what the model computes; if not, remove it from the file`},
		{`,"extra_x":1`, 0, `unknown key "extra_x". It may change what the model computes; if not, remove it from the file`},
	} {
		m, err := f.Parse([]byte(`{"model_type":"toy-lm"` + c.text + `}`))
		if (err == nil) != (c.want == "") || err != nil && err.Error() != "family_test: config.json: "+c.want {
			t.Errorf("%s: %v\nwant %s", c.text, err, c.want)
		}
		if err == nil && m.(toy).Layers != c.layers {
			t.Errorf("%s: %+v, want %d layers", c.text, m, c.layers)
		}
	}
	for text, want := range map[string]string{
		`{"model_type":"toy"}`: `family_test: config.json: model_type is "toy", want "toy-lm"`,
		`{"model_type":7}`:     `family_test: config.json: model_type is 7, want "toy-lm"`,
		`{}`:                   `family_test: config.json: model_type is "", want "toy-lm"`,
		`[]`:                   `family_test: config.json: want an object, got a list`,
	} {
		if _, err := f.Parse([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestJSON: keys are in the order of the fields, and the JSON can be read back.
func TestJSON(t *testing.T) {
	m := small()
	f := family.Family{Type: "toy-lm", Architecture: "ToyForCausalLM", Default: small()}
	text, err := f.JSON(m, 4, []int{5, -1, 6}, "more", []string{"a"})
	const want = `{
  "model_type": "toy-lm",
  "architectures": [
    "ToyForCausalLM"
  ],
  "vocab_size": 1,
  "max_position_embeddings": 1,
  "hidden_size": 1,
  "num_hidden_layers": 1,
  "num_attention_heads": 1,
  "intermediate_size": null,
  "rms_norm_eps": 0.000001,
  "attention_dropout": 0.0,
  "initializer_range": 0.0,
  "tie_word_embeddings": true,
  "eos_token_id": [
    5,
    6
  ],
  "bos_token_id": 4,
  "torch_dtype": "float32",
  "more": [
    "a"
  ]
}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v\nwant %s", text, err, want)
	}
	if text, err = f.JSON(m, -1, nil, "", nil); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Parse(text); err != nil || got != family.Model(m) {
		t.Errorf("read back as %+v, %v", got, err)
	}
	if e := (family.Ends{5, 6}).First(); e == nil || *e != 5 || (family.Ends{}).First() != nil {
		t.Errorf("the first is %v", e)
	}
}
