package models_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
)

// ExampleEdit turns a GPT-2 into one with post-norm blocks, as in GPT-1, sinusoidal positions, and ReLU.
func ExampleEdit() {
	m, _ := models.Find("gpt2-nano")
	norm := func(s *graph.Scope, x *G.Node) *G.Node { return layers.LayerNorm(s.At("ln"), x, layers.Norm{}) }
	edited := models.Edit(m,
		graph.Replace("h.*.mlp.act", ops.ReLU),
		graph.Replace("wpe", layers.SinusoidalPositions),
		graph.Remove("h.*.ln_*"),
		graph.After("h.*.*.residual", norm),
	)
	s := graph.New(graph.NewParams(1))
	_, err := s.CompileGrad(models.Loss(edited, s, s.Ints("tokens", 1, 64), s.Ints("targets", 1, 64)))
	fmt.Println(err)
	for _, n := range s.Nodes() {
		if len(n.Path) > 4 && n.Path[:4] == "h.0." && n.Op != "param" && !n.Grad {
			fmt.Println(n.Path, n.Op)
		}
	}
	// Output:
	// <nil>
	// h.0.attn.c_attn Linear
	// h.0.attn Attention
	// h.0.attn.c_proj Linear
	// h.0.attn Add
	// h.0.attn.residual.ln LayerNorm
	// h.0.mlp.c_fc Linear
	// h.0.mlp.act ReLU
	// h.0.mlp.c_proj Linear
	// h.0.mlp Add
	// h.0.mlp.residual.ln LayerNorm
}

// The first head of a new model attends about equally to every position that it can see.
func ExampleAttentionMaps() {
	m, _ := models.Find("gpt1-nano")
	maps, err := models.AttentionMaps(m, graph.NewParams(1), []int{5, 6, 7}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for t := range 3 {
		fmt.Printf("%.2f\n", maps[0][3*t:3*t+3])
	}
	// Output:
	// [1.00 0.00 0.00]
	// [0.50 0.50 0.00]
	// [0.33 0.33 0.33]
}

func TestAttentionMapsErrors(t *testing.T) {
	m, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tokens []int
		layer  int
		want   string
	}{
		{[]int{1}, 4, "models: no layer 4: the model has 4, counted from 0"},
		{nil, 0, "models: 0 tokens; want 1 to the 64 of the context"},
		{[]int{65}, 0, "wte: Embed: id 65 at position 0 is outside the vocabulary of 65"},
	} {
		if _, err := models.AttentionMaps(m, graph.NewParams(1), c.tokens, c.layer); err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
}

// lossOf returns the loss of m on fixed tokens, with weights from a fixed seed.
func lossOf(t *testing.T, m models.Model) float32 {
	t.Helper()
	s := graph.New(graph.NewParams(1))
	p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 1, 8), s.Ints("targets", 1, 8)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, name := range []string{"tokens", "targets"} {
		if err := p.SetInts(name, []int{1, 2, 3, 4, 5, 6, 7, 8}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	return p.Loss()
}

// tolComposed bounds the change of the loss if attention computes its float32 sums in a different
// order; 5e-7 was measured.
const tolComposed = 5e-6

// TestEditIdentity: in GPT-1 and GPT-2, edits that do not change what is computed leave the loss unchanged,
// and an edit that does changes it.
func TestEditIdentity(t *testing.T) {
	for _, name := range []string{"gpt1-nano", "gpt2-nano"} {
		m, err := models.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		want := lossOf(t, m)
		through := func(_ *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node { return layer(x) }
		composed := func(s *graph.Scope, x *G.Node) *G.Node {
			w := layers.BranchWeights{NoBias: name == "gpt2-nano"}
			if name == "gpt2-nano" {
				w.ResidualInit = graph.Normal(0.02 / math.Sqrt(8))
			}
			return layers.Attention(s, x, layers.AttentionConfig{Heads: 4, Weights: w, Composed: true})
		}
		if got := lossOf(t, models.Edit(m, graph.Wrap("h.*.*", through), graph.Wrap("h.*.*", through))); got != want {
			t.Errorf("%s: wrapped in nothing, the loss is %v, want %v", name, got, want)
		}
		if got := lossOf(t, models.Edit(m, graph.Replace("h.*.attn", composed))); math.Abs(float64(got-want)) > tolComposed {
			t.Errorf("%s: with composed attention, the loss is %v, want %v", name, got, want)
		}
		if got := lossOf(t, models.WithDropout(models.Edit(m, graph.Remove("h.2")), 0)); got == want {
			t.Errorf("%s: the loss without a layer is that with it", name)
		}
	}
}

// scaled returns an edit that multiplies the results of the activations.
func scaled(factor float64) graph.Option {
	return graph.After("h.*.mlp.act", func(s *graph.Scope, x *G.Node) *G.Node { return ops.Scale(s, x, factor) })
}

// TestEditEverywhere: every function that declares a model's graph applies the model's edits.
func TestEditEverywhere(t *testing.T) {
	for what, declare := range map[string]func(m models.Model, s *graph.Scope, tokens, ints *G.Node){
		"Logits":       func(m models.Model, s *graph.Scope, tokens, _ *G.Node) { models.Logits(m, s, tokens) },
		"LogitsAt":     func(m models.Model, s *graph.Scope, tokens, rows *G.Node) { models.LogitsAt(m, s, tokens, rows) },
		"Loss":         func(m models.Model, s *graph.Scope, tokens, targets *G.Node) { models.Loss(m, s, tokens, targets) },
		"Body":         func(m models.Model, s *graph.Scope, tokens, _ *G.Node) { models.Body(m, s, tokens) },
		"its own Body": func(m models.Model, s *graph.Scope, tokens, _ *G.Node) { m.Body(s, tokens) },
		"WeightedLoss": func(m models.Model, s *graph.Scope, tokens, targets *G.Node) {
			models.WeightedLoss(m, s, tokens, targets, s.Floats("weights", 4))
		},
		"Graphs": func(m models.Model, s *graph.Scope, tokens, rows *G.Node) { models.Graphs(m).GraphAt(s, tokens, rows) },
	} {
		for _, name := range []string{"gpt1-nano", "gpt2-nano"} {
			m, err := models.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			calls := 0
			edited := models.Edit(m, graph.Wrap("h.*", func(_ *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
				calls++
				return layer(x)
			}))
			s := graph.New(graph.NewParams(1))
			declare(edited, s, s.Ints("tokens", 1, 4), s.Ints("ints", 1, 4))
			if want := models.DimsOf(m).Layers; calls != want || s.Err() != nil {
				t.Errorf("%s of %s: %d blocks were edited, want %d; %v", what, name, calls, want, s.Err())
			}
		}
	}
}

// TestEditNested: edits of an edited model are applied after the edits it has, and an edit that a later one
// makes ineffective is not an error.
func TestEditNested(t *testing.T) {
	m, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	relu, gelu := graph.Replace("h.*.mlp.act", ops.ReLU), graph.Replace("h.*.mlp.act", ops.GELUErf)
	for _, c := range []struct {
		name         string
		nested, want models.Model
	}{
		{"ReLU, then halved", models.Edit(models.Edit(m, relu), scaled(0.5)), models.Edit(m, relu, scaled(0.5))},
		{"halved, then ReLU", models.Edit(models.Edit(m, scaled(0.5)), relu), models.Edit(m, relu)},
		{"ReLU, then GELU", models.Edit(models.Edit(m, relu), gelu), m},
		{"with other sizes between", models.Edit(models.WithDropout(models.Edit(m, relu), 0), scaled(0.5)), models.Edit(m, relu, scaled(0.5))},
	} {
		if got, want := lossOf(t, c.nested), lossOf(t, c.want); got != want {
			t.Errorf("%s: the loss is %v, want %v", c.name, got, want)
		}
	}
	for _, c := range []struct {
		m    models.Model
		want string
	}{
		{models.Edit(models.Edit(m, relu), graph.Remove("h.*.mpl")), `graph: Remove(h.*.mpl): unknown layer "h.*.mpl"; did you mean "h.*.mlp"?`},
		{models.Edit(m, graph.Remove("h.9.mlp")), `graph: Remove(h.9.mlp): unknown layer "h.9.mlp"; want one from h.0.mlp to h.3.mlp`},
		{models.Edit(models.Edit(m, graph.Remove("h.*.mpl")), relu), `graph: Remove(h.*.mpl): unknown layer "h.*.mpl"; did you mean "h.*.mlp"?`},
	} {
		s := graph.New(graph.NewParams(1))
		if _, err := s.Compile(models.Logits(c.m, s, s.Ints("tokens", 1, 4))); err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant %s", err, c.want)
		}
		if err := models.Declare(c.m, graph.NewParams(1)); err == nil || err.Error() != c.want {
			t.Errorf("Declare: %v\nwant %s", err, c.want)
		}
	}
	s := graph.New(graph.NewParams(1))
	out := models.Logits(m, s, s.Ints("tokens", 1, 4))
	s.Use(relu)
	want := "graph: Replace(h.*.mlp.act): the layer h.0.mlp.act was declared before the edit was given"
	if _, err := s.Compile(out); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// TestEditSaved: the JSON of an edited model is the model's plus a list of the edits, and can be read
// only with the same edits.
func TestEditSaved(t *testing.T) {
	for _, name := range []string{"gpt1-nano", "gpt2-nano"} {
		m, err := models.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		edits := []graph.Option{graph.Replace("h.*.mlp.act", ops.ReLU), scaled(0.5)}
		plain, err := models.JSON(m, 3)
		if err != nil {
			t.Fatal(err)
		}
		text, err := models.JSON(models.Edit(m, edits...), 3)
		if err != nil {
			t.Fatal(err)
		}
		var fields, without map[string]any
		for data, into := range map[string]*map[string]any{string(text): &fields, string(plain): &without} {
			if err := json.Unmarshal([]byte(data), into); err != nil {
				t.Fatal(err)
			}
		}
		without["gorgpt_edits"] = []any{"Replace(h.*.mlp.act)", "After(h.*.mlp.act)"}
		if !reflect.DeepEqual(fields, without) {
			t.Errorf("%s: %v\nwant %v", name, fields, without)
		}
		opened, err := models.Parse(text, edits...)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := lossOf(t, models.WithDropout(opened, 0)), lossOf(t, models.WithDropout(models.Edit(m, edits...), 0)); got != want {
			t.Errorf("%s: opened, the loss is %v, want %v", name, got, want)
		}
		for _, c := range []struct {
			config []byte
			edits  []graph.Option
			want   string
		}{
			{text, nil, "config.json: the model was edited by Replace(h.*.mlp.act), After(h.*.mlp.act); open it from Go with the same edits, as in checkpoint.Load(dir, edits...)"},
			{text, edits[:1], "config.json: the model was edited by Replace(h.*.mlp.act), After(h.*.mlp.act), not by Replace(h.*.mlp.act)"},
			{plain, edits[:1], "config.json: the model was not edited; it cannot be opened with Replace(h.*.mlp.act); open it without edits, then use models.Edit"},
		} {
			if _, err := models.Parse(c.config, c.edits...); err == nil || err.Error() != c.want {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		}
	}
}
