package family_test

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models/family"
)

// toy is a family with the keys of transformers' common configuration.
type toy struct {
	Vocab   int     `json:"vocab_size"`
	Context int     `json:"max_position_embeddings"`
	Width   int     `json:"hidden_size"`
	Layers  int     `json:"num_hidden_layers"`
	Heads   int     `json:"num_attention_heads"`
	Inner   int     `json:"intermediate_size" config:"null"`
	Epsilon float64 `json:"rms_norm_eps"`
	Drop    float64 `json:"attention_dropout"`
	InitStd float64 `json:"initializer_range"`
	Traced  bool    `json:"-"`
}

func (toy) Body(*graph.Scope, *G.Node) (x, embedding *G.Node) { return nil, nil }

func small() toy {
	return toy{Vocab: 1, Context: 1, Width: 1, Layers: 1, Heads: 1, Epsilon: 1e-6}
}

// TestValidate: dimensions that are not possible, and numbers out of range, are reported by name.
func TestValidate(t *testing.T) {
	for _, c := range []struct {
		change func(d *toy)
		want   string
	}{
		{func(d *toy) {}, ""},
		{func(d *toy) { d.Width, d.Heads = 6, 3 }, ""},
		{func(d *toy) { d.Vocab = 0 }, "the vocabulary is 0, want 1 or more"},
		{func(d *toy) { d.Context = 0 }, "the context is 0, want 1 or more"},
		{func(d *toy) { d.Width = -1 }, "the width is -1, want 1 or more"},
		{func(d *toy) { d.Layers = 0 }, "the number of layers is 0, want 1 or more"},
		{func(d *toy) { d.Layers = 1001 }, "the number of layers is 1001, want at most 1000"},
		{func(d *toy) { d.Heads = 0 }, "the number of heads is 0, want 1 or more"},
		{func(d *toy) { d.Width, d.Heads = 6, 4 }, "width 6 is not a multiple of 4 heads"},
		{func(d *toy) { d.Epsilon = 0 }, "rms_norm_eps is 0, want a number above 0"},
		{func(d *toy) { d.Drop = math.NaN() }, "a dropout rate of NaN is not in [0, 1); it is attention_dropout"},
		{func(d *toy) { d.InitStd = -1 }, "initializer_range is -1, want 0 or more"},
		{func(d *toy) { d.Epsilon = 1e-60 }, "rms_norm_eps is 1e-60, which float32 rounds to 0"},
		{func(d *toy) { d.Epsilon = 1e300 }, "rms_norm_eps is 1e+300, want at most 1e+06"},
		{func(d *toy) { d.InitStd = math.Inf(1) }, "initializer_range is +Inf, want at most 1e+06"},
	} {
		m := small()
		c.change(&m)
		if err := family.Validate(m); (err == nil) != (c.want == "") || err != nil && err.Error() != "family_test: "+c.want {
			t.Errorf("%+v: %v, want %q", m, err, c.want)
		}
	}
}

// TestWith: a family's fields are found by their keys, and the original model does not change.
func TestWith(t *testing.T) {
	d := family.Dims{Vocab: 7, Context: 5, Width: 6, Layers: 4, Heads: 2}
	m := family.Model(small())
	got := family.WithDropout(family.WithDims(m, d), 0.25).(toy)
	if family.DimsOf(got) != d || got.Drop != 0.25 || got.Epsilon != 1e-6 || m != small() {
		t.Errorf("%+v of %+v", got, m)
	}
	if !family.Tied(m) || family.InitStd(toy{InitStd: 0.1}) != 0.1 {
		t.Error("a family without tie_word_embeddings is tied, and starts from its initializer_range")
	}
}
