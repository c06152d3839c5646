package family

import (
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

type one struct {
	Vocab   int `json:"vocab_size"`
	Context int `json:"n_positions"`
	Width   int `json:"n_embd"`
	Layers  int `json:"n_layer"`
	Heads   int `json:"n_head"`
}

type (
	two  one
	bare struct {
		Vocab int `json:"vocab_size"`
		Width int `json:"hidden_size"`
	}
	untagged struct{ Vocab int }
)

func (one) Body(*graph.Scope, *G.Node) (x, embedding *G.Node)      { return nil, nil }
func (two) Body(*graph.Scope, *G.Node) (x, embedding *G.Node)      { return nil, nil }
func (bare) Body(*graph.Scope, *G.Node) (x, embedding *G.Node)     { return nil, nil }
func (untagged) Body(*graph.Scope, *G.Node) (x, embedding *G.Node) { return nil, nil }

// TestRegister: what cannot be a family is one error, the first, of whatever looks one up.
func TestRegister(t *testing.T) {
	for _, c := range []struct {
		f    Family
		want string
	}{
		{Family{Type: "second", Default: two{}, Sizes: []Named{{Name: "b", Model: two{}}}}, ""},
		{Family{Type: "first", Default: two{}}, `two families are called "first": family.one and family.two`},
		{Family{Type: "second", Default: one{}}, `family.one is the family "first" and "second"`},
		{Family{Type: "second", Default: two{}, Sizes: []Named{{Name: "a", Model: two{}}}}, `two models are called "a": of family.one and family.two`},
		{Family{Type: "second", Default: two{}, Sizes: []Named{{Name: "b", Model: one{}}}}, `the model "b" is a family.one, want a family.two as its family's default`},
		{Family{Type: "second", Default: &two{}}, `a family needs a Type and a Default that is a struct; got "second" and *family.two`},
		{Family{Default: two{}}, `a family needs a Type and a Default that is a struct; got "" and family.two`},
		{Family{Type: "bare", Default: bare{}}, "family.bare: no whole number by json tag for the context (n_positions or max_position_embeddings), the number of layers (n_layer or num_hidden_layers), the number of heads (n_head or num_attention_heads)"},
		{Family{Type: "untagged", Default: untagged{}}, `family.untagged: field Vocab has no tag json:"…", its key in config.json; json:"-" if it is not written`},
	} {
		var r registry
		r.register(Family{Type: "first", Default: one{}, Sizes: []Named{{Name: "a", Model: one{}}}})
		r.register(c.f)
		all, err := r.list()
		if (err == nil) != (c.want == "") || err != nil && err.Error() != "models.Register: "+c.want {
			t.Errorf("%v\nwant %s", err, c.want)
		}
		if err == nil && len(all) != 2 || err != nil && len(all) != 1 {
			t.Errorf("%d families are known", len(all))
		}
	}
}
