package mymodel

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/train"
)

// tiny returns a model small enough to check every gradient numerically.
func tiny() Config {
	return Config{
		Vocab: 11, Context: 12, Width: 16, Layers: 2, Heads: 4, KVHeads: 2, Inner: 24,
		Theta: 100, Cap: 3, Epsilon: 1e-6, InitStd: 0.3,
	}
}

// TestGradient compares the gradient of every weight with finite differences of the loss.
func TestGradient(t *testing.T) {
	tokens := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1}
	targets := []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 2}
	err := graph.CheckGrad(graph.GradCheck{Ints: map[string][]int{"tokens": tokens, "targets": targets}}, func(s *graph.Scope) *G.Node {
		return models.Loss(tiny(), s, s.Ints("tokens", 2, 6), s.Ints("targets", 2, 6))
	})
	if err != nil {
		t.Error(err)
	}
}

// TestBound tests the custom op alone.
func TestBound(t *testing.T) {
	err := graph.CheckGrad(graph.GradCheck{}, func(s *graph.Scope) *G.Node { return Bound(s.At("cap"), s.Floats("x", 3, 5), 2) })
	if err != nil {
		t.Error(err)
	}
	// The op declares itself row-wise, so a sequence may be processed in pieces.
	err = graph.CheckPieces(graph.PiecesCheck{}, func(s *graph.Scope) *G.Node {
		batch, context := s.Sequence()
		return Bound(s.At("cap"), s.Floats("x", batch*context, 5), 2)
	})
	if err != nil {
		t.Error(err)
	}
}

// TestPieces: the whole model may process a sequence in pieces, too.
func TestPieces(t *testing.T) {
	tokens := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8}
	check := graph.PiecesCheck{Sequences: 2, Ints: map[string][]int{"tokens": tokens}}
	err := graph.CheckPieces(check, func(s *graph.Scope) *G.Node {
		batch, context := s.Sequence()
		return models.Logits(tiny(), s, s.Ints("tokens", batch, context))
	})
	if err != nil {
		t.Error(err)
	}
}

// TestGeneration: decoding token by token with cached keys and values gives the same tokens as runs over the
// whole sequence, also for a sequence that is generated together with others.
func TestGeneration(t *testing.T) {
	m, params := tiny(), graph.NewParams(5)
	g := generate.New(models.Graphs(m), params, m.Context)
	defer g.Close()
	prompts := [][]int{{3, 1, 4}, {1, 5, 9, 2, 6}, {7}}
	got := slices.Clone(prompts)
	for token, err := range g.Batch(context.Background(), prompts, 6, generate.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		got[token.Sequence] = append(got[token.Sequence], token.ID)
	}
	if err := g.Whole(); err != nil {
		t.Errorf("nothing is remembered: %v", err)
	}
	for i, ids := range got {
		for n := len(prompts[i]); n < len(ids); n++ {
			if want := best(t, m, params, ids[:n]); ids[n] != want {
				t.Errorf("sequence %d: token %d is %d, the whole sequence gives %d", i, n, ids[n], want)
			}
		}
	}
}

// best returns the likeliest next token, from a graph over all tokens so far.
func best(t *testing.T, m models.Model, params *graph.Params, ids []int) int {
	t.Helper()
	s := graph.New(params)
	logits := models.LogitsAt(m, s, s.Ints("tokens", 1, len(ids)), s.Ints("rows", 1))
	p, err := s.Compile(logits)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInts("tokens", ids); err != nil {
		t.Fatal(err)
	}
	if err := p.SetInts("rows", []int{len(ids) - 1}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	all := p.Value(logits)
	return slices.Index(all, slices.Max(all))
}

// TestWrong: invalid input is a one-line error that names the place.
func TestWrong(t *testing.T) {
	odd := tiny()
	odd.Width = 18
	three := tiny()
	three.KVHeads = 3
	for _, c := range []struct {
		m    Config
		edit graph.Option
		want string
	}{
		{three, nil, "3"},
		{odd, nil, "layers.0.self_attn"},
		{tiny(), graph.Replace("layers.1.mlp.act", func(s *graph.Scope, x *G.Node) *G.Node { return Bound(s, s.Floats("y", 3, 3), 1) }), "layers.1.mlp"},
	} {
		var m models.Model = c.m
		if c.edit != nil {
			m = models.Edit(m, c.edit)
		}
		s := graph.New(graph.NewParams(1))
		models.Logits(m, s, s.Ints("tokens", 1, 4))
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want a line with %s", err, c.want)
		}
	}
}

// TestConfig: a configuration survives a round trip through its file, and a key that may change the results is
// rejected.
func TestConfig(t *testing.T) {
	text, err := models.JSON(tiny())
	if err != nil {
		t.Fatal(err)
	}
	if m, err := models.Parse(text); err != nil || m != models.Model(tiny()) {
		t.Errorf("%+v, %v", m, err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"{", `{"rope_scaling": {"factor": 2},`, `"rope_scaling"`},
		{"{", `{"rope_thet": 5,`, `did you mean "rope_theta"?`},
		{`"num_key_value_heads": 2`, `"num_key_value_heads": 3`, "num_key_value_heads is 3, want a divisor of the 4 heads"},
	} {
		if _, err := models.Parse([]byte(strings.Replace(string(text), c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.new, err, c.want)
		}
	}
}

// TestAdagrad: the first step has the size of the learning rate, whatever the gradient; the next is smaller.
func TestAdagrad(t *testing.T) {
	c := train.Change{Weight: []float32{1, 1}, Grad: []float32{4, -0.5}, Kept: [][]float32{make([]float32, 2)}, Step: 1, Rate: 0.1, Clip: 1}
	for _, want := range []float64{0.1, 0.1 * (1 + 1/math.Sqrt2)} {
		Adagrad{}.Apply(&c)
		if math.Abs(float64(c.Weight[0])-(1-want)) > 1e-6 || math.Abs(float64(c.Weight[1])-(1+want)) > 1e-6 {
			t.Errorf("%v after steps of %v in all", c.Weight, want)
		}
	}
}
