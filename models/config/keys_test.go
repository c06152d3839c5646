package config_test

import (
	"testing"

	"github.com/gorgpt/gorgpt/models/config"
)

// TestKeys: what is read, what an alias counts for, and what is refused by name.
func TestKeys(t *testing.T) {
	type sizes struct {
		Layers int         `json:"n_layer"`
		Inner  *int        `json:"n_inner"`
		End    config.Ends `json:"eos_token_id"`
		Note   string      `json:"note" config:"write"`
	}
	keys := config.Keys{
		Family: "toy", Type: "toy-lm", Aliases: map[string]string{"num_layers": "n_layer", "a_depth": "n_layer"},
		Only:     []config.Only{{Key: "relative", Values: []string{"false", "null"}, Why: "positions are absolute"}},
		Harmless: []string{"extra", "label_*"},
	}
	long := `"` + "0123456789012345678901234567890123456789012345678901234567890123456789" + `"`
	for _, c := range []struct {
		text   string // after model_type
		layers int
		want   string // the error
	}{
		{``, 12, ""},
		{`,"n_layer":3`, 3, ""},
		{`,"num_layers":4`, 4, ""},
		{`,"n_layer":3,"num_layers":4`, 4, ""}, // the alias counts, whichever is read first
		{`,"n_layer":3,"a_depth":4`, 4, ""},
		{`,"n_layer":null`, 0, "key n_layer: it is null, want a value"},
		{`,"n_layer":"x"`, 0, "key n_layer: want a whole number, got a text"},
		{`,"n_inner":null,"eos_token_id":null`, 12, ""},
		{`,"relative":false`, 12, ""}, {`,"relative": null`, 12, ""},
		{`,"relative":true`, 0, "relative is true, want false or null: positions are absolute"},
		{`,"relative":` + long, 0, "relative is " + long[:60] + "…, want false or null: positions are absolute"},
		{`,"extra":7,"label_x":[1],"label_":2`, 12, ""},
		{`,"extra_x":null`, 12, ""},
		{`,"n_layers":3`, 0, `unknown key "n_layers"; did you mean "n_layer"? It may change what the model computes; if not, take it out of the file`},
		{`,"relativ":1`, 0, `unknown key "relativ"; did you mean "relative"? It may change what the model computes; if not, take it out of the file`},
		{`,"extra_x":1`, 0, `unknown key "extra_x". It may change what the model computes; if not, take it out of the file`},
	} {
		into := sizes{Layers: 12, Note: "kept"}
		err := keys.Read([]byte(`{"model_type":"toy-lm"`+c.text+`}`), &into)
		if (err == nil) != (c.want == "") || err != nil && err.Error() != "toy: config.json: "+c.want {
			t.Errorf("%s: %v\nwant %s", c.text, err, c.want)
		}
		if err == nil && into.Layers != c.layers || into.Note != "kept" {
			t.Errorf("%s: %+v, want %d layers", c.text, into, c.layers)
		}
	}
	for text, want := range map[string]string{
		`{"model_type":"toy"}`: `toy: config.json: model_type is "toy", want "toy-lm"`,
		`{"model_type":7}`:     `toy: config.json: model_type is 7, want "toy-lm"`,
		`{}`:                   `toy: config.json: model_type is "", want "toy-lm"`,
		`[]`:                   `toy: config.json: want an object, got a list`,
	} {
		if err := keys.Read([]byte(text), &sizes{}); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if e := (config.Ends{5, 6}).First(); e == nil || *e != 5 || (config.Ends{}).First() != nil {
		t.Errorf("the first is %v", e)
	}
}
