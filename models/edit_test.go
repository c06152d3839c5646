package models_test

import (
	"fmt"
	"math"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
)

// ExampleEdit turns a GPT-2 into one with post-norm blocks, as GPT-1's are, sinusoidal
// positions, and ReLU.
func ExampleEdit() {
	m, _ := models.Find("gpt2-nano")
	norm := func(s *graph.Scope, x *G.Node) *G.Node { return layers.LayerNorm(s.At("ln"), x) }
	edited := models.Edit(m,
		graph.Replace("h.*.mlp.act", ops.ReLU),
		graph.Replace("wpe", func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.SinusoidalPositions(s, x, m.Dims().Context)
		}),
		graph.Remove("h.*.ln_*"),
		graph.After("h.*.*.residual", norm),
	)
	s := graph.New(graph.NewParams(1))
	_, err := s.CompileGrad(edited.Loss(s, s.Ints("tokens", 1, 64), s.Ints("targets", 1, 64)))
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

// The first head of a fresh model looks about equally at all it may see.
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

// lossOf is the loss of m on fixed tokens, with weights of a fixed seed.
func lossOf(t *testing.T, m models.Model) float32 {
	t.Helper()
	s := graph.New(graph.NewParams(1))
	p, err := s.CompileGrad(m.Loss(s, s.Ints("tokens", 1, 8), s.Ints("targets", 1, 8)))
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

// tolComposed is how far the loss may move if attention is computed in another order of
// float32 sums; measured 5e-7.
const tolComposed = 5e-6

// TestEditIdentity: edits that change nothing in what is computed leave the loss alone,
// in GPT-1 and GPT-2, and one that changes something does not.
func TestEditIdentity(t *testing.T) {
	for _, name := range []string{"gpt1-nano", "gpt2-nano"} {
		m, err := models.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		want := lossOf(t, m)
		through := func(_ *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node { return layer(x) }
		composed := func(s *graph.Scope, x *G.Node) *G.Node {
			o := []layers.Option{layers.Bias(name == "gpt1-nano")}
			if name == "gpt2-nano" {
				o = append(o, layers.ResidualInit(graph.Normal(0.02/math.Sqrt(8))))
			}
			return layers.ComposedAttention(s, x, 4, 8, o...)
		}
		if got := lossOf(t, models.Edit(m, graph.Wrap("h.*.*", through), graph.Wrap("h.*.*", through))); got != want {
			t.Errorf("%s: wrapped in nothing, the loss is %v, want %v", name, got, want)
		}
		if got := lossOf(t, models.Edit(m, graph.Replace("h.*.attn", composed))); math.Abs(float64(got-want)) > tolComposed {
			t.Errorf("%s: with composed attention, the loss is %v, want %v", name, got, want)
		}
		if got := lossOf(t, models.Edit(m, graph.Remove("h.2")).WithDropout(0)); got == want {
			t.Errorf("%s: the loss without a layer is that with it", name)
		}
	}
}
