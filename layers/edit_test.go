package layers_test

import (
	"fmt"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Attention with half as many keys and values as queries, and with queries and keys that are normalized and
// then rotated.
func ExampleEditAttention() {
	params := graph.NewParams(1)
	s := graph.New(params, layers.EditAttention("h.*.attn", layers.QKNorm(layers.RMS{}), layers.Rotary(ops.RotaryOptions{}),
		func(c *layers.AttentionConfig) { c.KVHeads = c.Heads / 2 }))
	s.SetSequence(1, 8)
	layers.Attention(s.At("h.0.attn"), s.Floats("x", 8, 16), layers.AttentionConfig{Heads: 4})
	fmt.Println(params.Get("h.0.attn.c_attn.weight").Shape(), params.Get("h.0.attn.k_norm.weight").Shape(), s.Err())
	// Output: (16, 32) (4) <nil>
}

// Logits are bounded to ±15.
func ExampleEditHead() {
	s := graph.New(graph.NewParams(1), layers.EditHead(func(c *layers.HeadConfig) { c.SoftCap = 15 }))
	layers.Head(s.At("lm_head"), s.Floats("x", 2, 4), 10, graph.Init{})
	for _, n := range s.Nodes() {
		if n.Path == "lm_head" {
			fmt.Println(n.Op)
		}
	}
	// Output:
	// Project
	// SoftCap
}

// A function that edits settings can also be applied directly to settings.
func ExampleRotary() {
	c := layers.AttentionConfig{Heads: 4}
	layers.Rotary(ops.RotaryOptions{Theta: 1e5})(&c)
	s := graph.New(graph.NewParams(1))
	s.SetSequence(1, 8)
	fmt.Println(layers.Attention(s.At("attn"), s.Floats("x", 8, 16), c).Shape(), s.Err())
	// Output: (8, 16) <nil>
}

// nanochat's order: queries and keys are rotated, and then normalized without a gain.
func ExampleQKNorm() {
	edit := layers.EditAttention("attn", layers.Rotary(ops.RotaryOptions{}), layers.QKNorm(layers.RMS{NoGain: true}))
	s := graph.New(graph.NewParams(1), edit)
	s.SetSequence(1, 8)
	layers.Attention(s.At("attn"), s.Floats("x", 8, 16), layers.AttentionConfig{Heads: 4, KVHeads: 2})
	for _, n := range s.Nodes() {
		if n.Op == "Rotary" || n.Op == "RMSNorm" {
			fmt.Println(n.Path, n.Op, n.Shape)
		}
	}
	// Output:
	// attn Rotary (8, 16)
	// attn Rotary (8, 8)
	// attn.q_norm RMSNorm (8, 16)
	// attn.k_norm RMSNorm (8, 8)
}

// TestEditHead: an edit of the head applies to logits, losses and weighted losses, with tied and untied weights.
func TestEditHead(t *testing.T) {
	for name, declare := range map[string]func(s *graph.Scope, x, w, targets *G.Node) *G.Node{
		"logits":     func(s *graph.Scope, x, w, _ *G.Node) *G.Node { return layers.TiedHead(s, x, w) },
		"loss":       layers.TiedLoss,
		"own logits": func(s *graph.Scope, x, _, _ *G.Node) *G.Node { return layers.Head(s, x, 5, graph.Init{}) },
		"own loss": func(s *graph.Scope, x, _, targets *G.Node) *G.Node {
			return layers.HeadLoss(s, x, targets, 5, graph.Init{})
		},
		"tied weighted loss": func(s *graph.Scope, x, w, targets *G.Node) *G.Node {
			return layers.TiedWeightedLoss(s, x, w, targets, s.Floats("weights", 2))
		},
		"weighted loss": func(s *graph.Scope, x, w, targets *G.Node) *G.Node {
			return layers.HeadConfig{}.Loss(s, x, w, targets, s.Floats("weights", 2))
		},
	} {
		s := graph.New(graph.NewParams(1), layers.EditHead(func(c *layers.HeadConfig) { c.SoftCap = -1 }))
		declare(s, s.Floats("x", 2, 4), s.Floats("w", 5, 4), s.Ints("targets", 2))
		if s.Err() == nil {
			t.Errorf("%s: a soft-cap of -1 was not heeded", name)
		}
	}
}

// TestEditErrors: invalid settings that come from an edit give an error that names the layer, just like
// invalid settings of the model itself.
func TestEditErrors(t *testing.T) {
	for want, edit := range map[string]graph.Option{
		"h.0.attn: Attention: 4 heads cannot share 3 heads of keys and values evenly":                                      layers.EditAttention("h.*.attn", func(c *layers.AttentionConfig) { c.KVHeads = 3 }),
		"h.0.attn: Rotary: 3 columns cannot be rotated in pairs; want an even number; x is (2, 12)":                        layers.EditAttention("h.*.attn", layers.Rotary(ops.RotaryOptions{})),
		`graph: EditAttention(h.*.attm): unknown layer "h.*.attm"; did you mean "h.*.attn"?`:                               layers.EditAttention("h.*.attm", layers.QKNorm(layers.RMS{})),
		"h.0.attn: EditAttention(h.*.attn): it panicked: runtime error: invalid memory address or nil pointer dereference": layers.EditAttention("h.*.attn", nil),
	} {
		s := graph.New(graph.NewParams(1), edit)
		s.SetSequence(1, 2)
		y := layers.Attention(s.At("h.0.attn"), s.Floats("x", 2, 12), layers.AttentionConfig{Heads: 4})
		if _, err := s.Compile(y); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}
