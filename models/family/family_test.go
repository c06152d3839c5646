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
	pointing struct {
		*one
		Scale *float64 `json:"scale"`
	}
	mapped struct {
		one
		By map[string]int `json:"by"`
	}
	twins struct {
		one
		Words int `json:"vocab_size"`
	}
	nameless struct {
		one
		A int `json:",omitempty"`
	}
	within struct {
		one
		Rope struct{ Factor float64 } `json:"rope"`
	}
	// layered has fields into which encoding/json would decode without clearing them.
	layered struct {
		one
		Windows []int `json:"windows"`
		Rope    struct {
			Factor float64 `json:"factor"`
			Parts  []int   `json:"parts"`
		} `json:"rope"`
	}
)

func (one) Body(*graph.Scope, *G.Node) (x, embedding *G.Node)      { return nil, nil }
func (two) Body(*graph.Scope, *G.Node) (x, embedding *G.Node)      { return nil, nil }
func (bare) Body(*graph.Scope, *G.Node) (x, embedding *G.Node)     { return nil, nil }
func (untagged) Body(*graph.Scope, *G.Node) (x, embedding *G.Node) { return nil, nil }

func noExport(m Model, params *graph.Params, fold bool) (Model, *graph.Params, []string, error) {
	return m, params, nil, nil
}

// TestRegister: an invalid family makes every lookup fail; if there are several, the first error is returned.
func TestRegister(t *testing.T) {
	for _, c := range []struct {
		f    Family
		want string
	}{
		{Family{Type: "second", Default: two{}, Sizes: []Named{{Name: "b", Model: two{}}}}, ""},
		{Family{Type: "first", Default: two{}}, `two families are called "first": family.one and family.two`},
		{Family{Type: "second", Default: one{}}, `family.one belongs to two families, "first" and "second"`},
		{Family{Type: "second", Default: two{}, Sizes: []Named{{Name: "a", Model: two{}}}}, `two models are called "a": of family.one and family.two`},
		{Family{Type: "second", Default: two{}, Sizes: []Named{{Name: "b", Model: one{}}}}, `the model "b" is a family.one, want a family.two as its family's default`},
		{Family{Type: "second", Default: two{}, Sizes: []Named{{Name: "b", Model: two{}}, {Name: "b", Model: two{}}}}, `two models of the family "second" are called "b"`},
		{Family{Type: "second", Default: pointing{}}, "family.pointing: field one is a ptr, which several models would share; want a value"},
		{Family{Type: "second", Default: mapped{}}, "family.mapped: field By is a map, which several models would share; want a value"},
		{Family{Type: "second", Default: twins{}}, `family.twins: fields Vocab and Words have one key, "vocab_size"`},
		{Family{Type: "second", Default: nameless{}}, `family.nameless: field A has no tag json:"…", its key in config.json; json:"-" if it is not written`},
		{Family{Type: "second", Default: within{}}, `family.within.Rope: field Factor has no tag json:"…", its key in config.json; json:"-" if it is not written`},
		{Family{Type: "second", Default: layered{}}, ""},
		{Family{Type: "second", Default: &two{}}, `a family needs a Type and a Default that is a struct; got "second" and *family.two`},
		{Family{Default: two{}}, `a family needs a Type and a Default that is a struct; got "" and family.two`},
		{Family{Type: "second", Default: two{}, Export: Export{Name: "other", Of: noExport}}, ""},
		{Family{Type: "second", Default: two{}, GGUF: GGUF{Architecture: "other"}}, ""},
		{Family{Type: "second", Default: two{}, GGUF: GGUF{Architecture: "one"}}, `two families are llama.cpp's "one": "first" and "second"`},
		{Family{Type: "second", Default: two{}, Export: Export{Name: "form", Of: noExport}}, `two families export to "form": "first" and "second"`},
		{Family{Type: "second", Default: two{}, Export: Export{Name: "form"}}, `the family "second" has an incomplete Export: want both Name and Of, or neither`},
		{Family{Type: "bare", Default: bare{}}, "family.bare: no integer field with a json tag for the context (n_positions or max_position_embeddings), the number of layers (n_layer or num_hidden_layers or num_layers), the number of heads (n_head or num_attention_heads or num_heads)"},
		{Family{Type: "untagged", Default: untagged{}}, `family.untagged: field Vocab has no tag json:"…", its key in config.json; json:"-" if it is not written`},
	} {
		var r registry
		r.register(Family{Type: "first", Default: one{}, Sizes: []Named{{Name: "a", Model: one{}}}, Export: Export{Name: "form", Of: noExport}, GGUF: GGUF{Architecture: "one"}})
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

// TestParseOwn: reading a list from a file does not change the default's list, and an unknown key within an
// object is rejected like any other.
func TestParseOwn(t *testing.T) {
	m := layered{one: one{5, 4, 4, 1, 2}, Windows: []int{1, 2, 3}}
	m.Rope.Factor, m.Rope.Parts = 1, []int{7}
	f := Family{Type: "layered", Default: m}
	got, err := f.Parse([]byte(`{"model_type": "layered", "windows": [9, 8], "rope": {"parts": [6]}}`))
	want := layered{one: m.one, Windows: []int{9, 8}}
	want.Rope.Factor, want.Rope.Parts = 1, []int{6}
	if err != nil || !Same(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
	if m.Windows[0] != 1 || m.Rope.Parts[0] != 7 {
		t.Errorf("the default is %+v now", m)
	}
	_, err = f.Parse([]byte(`{"model_type": "layered", "rope": {"Factor": 8}}`))
	if want := `family: config.json: unknown key "rope.Factor". It may change what the model computes; if not, remove it from the file`; err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}
