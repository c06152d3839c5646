package layers_test

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
)

// TestPieces: positions and attention in an incremental graph, over three rows and then two, equal those of all
// five rows at once.
func TestPieces(t *testing.T) {
	const context, width = 5, 4
	for name, layer := range map[string]func(s *graph.Scope, x *G.Node) *G.Node{
		"learned":    func(s *graph.Scope, x *G.Node) *G.Node { return layers.LearnedPositions(s, x, context, graph.Init{}) },
		"sinusoidal": func(s *graph.Scope, x *G.Node) *G.Node { return layers.SinusoidalPositions(s, x) },
		"grouped and turned": func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.Attention(s, x, layers.AttentionConfig{Heads: 4, KVHeads: 2, HeadSize: 2, Between: turned(4, 2, 100, nil)})
		},
		"attention": func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.Attention(s, x, layers.AttentionConfig{Heads: 2, Window: 2, Weights: layers.BranchWeights{Init: graph.Normal(1)}})
		},
	} {
		params := graph.NewParams(1)
		run := func(x []float32, past int, given ...graph.Option) []float32 {
			s := graph.New(params, given...)
			s.SetSequence(1, len(x)/width)
			y := layer(s.At("a"), s.Floats("x", len(x)/width, width))
			p, err := s.Compile(y)
			if err != nil {
				t.Fatal(name, err)
			}
			defer p.Close()
			if err := p.SetFloats("x", x); err != nil {
				t.Fatal(name, err)
			}
			if len(given) > 0 {
				if err := p.SetInts("past", []int{past}); err != nil {
					t.Fatal(name, err)
				}
			}
			if err := p.Run(); err != nil {
				t.Fatal(name, err)
			}
			return append([]float32(nil), p.Value(y)...)
		}
		x := make([]float32, context*width)
		for i := range x {
			x[i] = float32(i%7) / 7
		}
		want := run(x, 0)
		memory := graph.Incremental(graph.NewCache(1, context))
		got := append(run(x[:3*width], 0, memory), run(x[3*width:], 3, memory)...)
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 1e-6 {
				t.Errorf("%s: %v in pieces, want %v", name, got, want)
				break
			}
		}
	}
}

// TestRows: inputs and settings that do not match are errors.
func TestRows(t *testing.T) {
	for want, layer := range map[string]func(s *graph.Scope, x *G.Node) *G.Node{
		"Linear: x is (2, 2, 4); want (N, K)":    func(s *graph.Scope, x *G.Node) *G.Node { return layers.Linear(s, x, 3, layers.Weights{}) },
		"LayerNorm: x is (2, 2, 4); want (N, C)": func(s *graph.Scope, x *G.Node) *G.Node { return layers.LayerNorm(s, x, layers.Norm{}) },
		"MLP: x is (2, 2, 4); want (N, C)":       func(s *graph.Scope, x *G.Node) *G.Node { return layers.MLP(s, x, 3, nil, layers.BranchWeights{}) },
		"RMSNorm: x is (2, 2, 4); want (N, C)":   func(s *graph.Scope, x *G.Node) *G.Node { return layers.RMSNorm(s, x, layers.RMS{}) },
		"Attention: 4 heads cannot share 3 heads of keys and values evenly": func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.Attention(s, s.Floats("y", 2, 4), layers.AttentionConfig{Heads: 4, KVHeads: 3})
		},
		"Attention: x is (2, 2, 4); want (B·T, C)": func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.Attention(s, x, layers.AttentionConfig{Heads: 2})
		},
		"RMSNorm: NoGain and PlusOne are both set; want at most one": func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.RMSNorm(s, s.Floats("y", 2, 4), layers.RMS{NoGain: true, PlusOne: true})
		},
		"SoftCap: a soft-cap of -3; want one above 0": func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.HeadConfig{SoftCap: -3}.Logits(s, s.Floats("y", 2, 4), s.Floats("w", 5, 4))
		},
		"LearnedPositions: x is (2, 2, 4); want (B·T, C)": func(s *graph.Scope, x *G.Node) *G.Node { return layers.LearnedPositions(s, x, 2, graph.Init{}) },
	} {
		s := graph.New(graph.NewParams(1))
		layer(s, s.Floats("x", 2, 2, 4))
		if err := s.Err(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
