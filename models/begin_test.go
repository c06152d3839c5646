package models_test

import (
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// TestBeginUntied: a tied model cannot begin with the weights of an untied one, whose head would be lost.
func TestBeginUntied(t *testing.T) {
	untied := gpt2.New(11, 8, 4, 2, 2)
	untied.Tied = false
	from := graph.NewParams(1)
	if err := models.Declare(untied, from); err != nil {
		t.Fatal(err)
	}
	err := models.Begin(gpt2.New(11, 8, 4, 2, 2), graph.NewParams(2), from)
	const want = "lm_head.weight: the initial weights have a separate head, but the model's head shares the token embedding (tie_word_embeddings)"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestBegin: weights are copied from another model, and a table of positions may be truncated; the error for
// weights that do not match names one of them.
func TestBegin(t *testing.T) {
	from := graph.NewParams(1)
	if err := models.Declare(gpt2.New(11, 8, 4, 2, 2), from); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		m    models.Model
		want string
	}{
		{"the same", gpt2.New(11, 8, 4, 2, 2), ""},
		{"a shorter context", gpt2.New(11, 5, 4, 2, 2), ""},
		{"fewer layers", gpt2.New(11, 8, 4, 1, 2), ""},
		{"a longer context", gpt2.New(11, 9, 4, 2, 2), "wpe.weight: (9, 4), but the weight to start from is (8, 4)"},
		{"a smaller vocabulary", gpt2.New(9, 8, 4, 2, 2), "wte.weight: (9, 4), but the weight to start from is (11, 4)"},
		{"a vocabulary as small as the context", gpt2.New(8, 8, 4, 2, 2), "wte.weight: (8, 4), but the weight to start from is (11, 4)"},
		{"another width", gpt2.New(11, 5, 2, 2, 2), "wte.weight: (11, 2), but the weight to start from is (11, 4)"},
		{"more layers", gpt2.New(11, 8, 4, 3, 2), "h.2.ln_1.weight: no weight of this name to start from"},
		{"another family", gpt1.New(11, 8, 4, 2, 2), "tokens_embed.weight: no weight of this name to start from"},
	} {
		params := graph.NewParams(2)
		err := models.Begin(c.m, params, from)
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		if err != nil {
			continue
		}
		for _, p := range params.All() {
			if want := from.Get(p.Name()).Data()[:p.Size()]; !slices.Equal(p.Data(), want) {
				t.Errorf("%s: %s is not that of the other", c.name, p.Name())
			}
		}
	}
}

// TestBeginEdited: parameters that an edit reshapes are initialized at random, and the rest are copied. An
// untied head begins as a copy of the embedding. Differences that no edit explains are still errors.
func TestBeginEdited(t *testing.T) {
	from := graph.NewParams(1)
	if err := models.Declare(gpt2.New(11, 8, 4, 2, 2), from); err != nil {
		t.Fatal(err)
	}
	untied := gpt2.New(11, 8, 4, 2, 2)
	untied.Tied = false
	grouped := layers.EditAttention("h.*.attn", func(c *layers.AttentionConfig) { c.KVHeads = 1 })
	m, params := models.Edit(untied, grouped), graph.NewParams(2)
	if err := models.Begin(m, params, from); err != nil {
		t.Fatal(err)
	}
	drawn := graph.NewParams(2)
	if err := models.Declare(m, drawn); err != nil {
		t.Fatal(err)
	}
	for _, p := range params.All() {
		want := from.Get(p.Name())
		switch p.Name() {
		case models.HeadName:
			want = from.Get("wte.weight")
		case "h.0.attn.c_attn.weight", "h.0.attn.c_attn.bias", "h.1.attn.c_attn.weight", "h.1.attn.c_attn.bias":
			want = drawn.Get(p.Name())
		}
		if !slices.Equal(p.Data(), want.Data()) {
			t.Errorf("%s has other values", p.Name())
		}
	}
	err := models.Begin(models.Edit(gpt2.New(11, 8, 2, 2, 2), grouped), graph.NewParams(2), from)
	if want := "wte.weight: (11, 2), but the weight to start from is (11, 4)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
