package layers_test

import (
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// TestNil: for a layer that is given a nil node, the error names the input and the path.
func TestNil(t *testing.T) {
	for want, build := range map[string]func(s *graph.Scope) *G.Node{
		"at: Attention: x is nil; want a node":           func(s *graph.Scope) *G.Node { return layers.Attention(s, nil, layers.AttentionConfig{}) },
		"at: LearnedPositions: x is nil; want a node":    func(s *graph.Scope) *G.Node { return layers.LearnedPositions(s, nil, 4, graph.Init{}) },
		"at: SinusoidalPositions: x is nil; want a node": func(s *graph.Scope) *G.Node { return layers.SinusoidalPositions(s, nil) },
		"at: LayerNorm: x is nil; want a node":           func(s *graph.Scope) *G.Node { return layers.LayerNorm(s, nil, layers.Norm{}) },
		"at: Linear: x is nil; want a node":              func(s *graph.Scope) *G.Node { return layers.Linear(s, nil, 3, layers.Weights{}) },
		"at: Dense: x is nil; want a node":               func(s *graph.Scope) *G.Node { return layers.Dense(s, nil, 3, layers.Weights{}) },
		"at: RMSNorm: x is nil; want a node":             func(s *graph.Scope) *G.Node { return layers.RMSNorm(s, nil, layers.RMS{}) },
		"at: Gate: x is nil; want a node":                func(s *graph.Scope) *G.Node { return layers.Gate(s, nil, graph.Init{}) },
		"at: Logits: w is nil; want a node": func(s *graph.Scope) *G.Node {
			return layers.HeadConfig{SoftCap: 2}.Logits(s, s.Floats("x", 2, 3), nil)
		},
		"at: Loss: x is nil; want a node": func(s *graph.Scope) *G.Node {
			return layers.HeadConfig{}.Loss(s, nil, s.Floats("w", 2, 3), s.Ints("t", 2), nil)
		},
		"at: AllHeads: x is nil; want a node ": func(s *graph.Scope) *G.Node {
			s.SetSequence(1, 2)
			return layers.Attention(s, s.Floats("x", 2, 4), layers.AttentionConfig{Heads: 2, Value: func(*graph.Scope, *G.Node) *G.Node { return nil }})
		},
		"at: GatedMLP: x is nil; want a node": func(s *graph.Scope) *G.Node { return layers.GatedMLP(s, nil, 3, ops.SiLU, layers.BranchWeights{}) },
		"at.q_proj: Dense: x is nil; want a node": func(s *graph.Scope) *G.Node {
			s.SetSequence(1, 2)
			return layers.Attention(s, s.Floats("x", 2, 4), layers.AttentionConfig{Heads: 2, Between: func(s *graph.Scope, q, _ *G.Node) (*G.Node, *G.Node) {
				return layers.Dense(s.At("q_proj"), nil, 4, layers.Weights{}), q
			}})
		},
		"at: AllHeads: x is nil; want a node": func(s *graph.Scope) *G.Node {
			s.SetSequence(1, 2)
			return layers.Attention(s, s.Floats("x", 2, 4), layers.AttentionConfig{Heads: 2, Between: func(_ *graph.Scope, q, _ *G.Node) (*G.Node, *G.Node) { return q, nil }})
		},
		"at: MLP: x is nil; want a node": func(s *graph.Scope) *G.Node { return layers.MLP(s, nil, 3, ops.ReLU, layers.BranchWeights{}) },
		"at: MLP: the activation is nil; want a function": func(s *graph.Scope) *G.Node {
			return layers.MLP(s, s.Floats("x", 2, 3), 3, nil, layers.BranchWeights{})
		},
		"at: Residual: branch is nil; want a node":    func(s *graph.Scope) *G.Node { return layers.Residual(s, s.Floats("x", 2, 3), nil, 0) },
		"at: Residual: x is nil; want a node":         func(s *graph.Scope) *G.Node { return layers.Residual(s, nil, s.Floats("x", 2, 3), 0) },
		"at: DropoutShared: x is nil; want a node":    func(s *graph.Scope) *G.Node { return layers.Classifier(s, nil, 2, 1, 0, layers.Weights{}) },
		"at: TiedHead: x is nil; want a node":         func(s *graph.Scope) *G.Node { return layers.TiedHead(s, nil, s.Floats("w", 2, 3)) },
		"at: TiedHead: embedding is nil; want a node": func(s *graph.Scope) *G.Node { return layers.TiedHead(s, s.Floats("x", 2, 3), nil) },
		"at: Head: x is nil; want a node":             func(s *graph.Scope) *G.Node { return layers.Head(s, nil, 3, graph.Init{}) },
		"at: TiedLoss: x is nil; want a node":         func(s *graph.Scope) *G.Node { return layers.TiedLoss(s, nil, s.Floats("w", 2, 3), s.Ints("t", 2)) },
		"at: TiedLoss: embedding is nil; want a node": func(s *graph.Scope) *G.Node { return layers.TiedLoss(s, s.Floats("x", 2, 3), nil, s.Ints("t", 2)) },
		"at: HeadLoss: x is nil; want a node":         func(s *graph.Scope) *G.Node { return layers.HeadLoss(s, nil, s.Ints("t", 2), 3, graph.Init{}) },
		"at: LinearCrossEntropy: targets is nil; want a node": func(s *graph.Scope) *G.Node {
			return layers.HeadLoss(s, s.Floats("x", 2, 3), nil, 3, graph.Init{})
		},
		"at: Block: x is nil; want a node": func(s *graph.Scope) *G.Node {
			return layers.Block(s, nil, func(_ *graph.Scope, x *G.Node) *G.Node { return x })
		},
		"at: Embedding: tokens is nil; want a node": func(s *graph.Scope) *G.Node {
			x, _ := layers.Embedding(s, nil, 4, 3, graph.Init{})
			return x
		},
	} {
		s := graph.New(graph.NewParams(1), graph.Training())
		if y := build(s.At("at")); y == nil {
			t.Errorf("%s: it returned no node", want)
		}
		if want = strings.TrimSpace(want); s.Err() == nil || s.Err().Error() != want {
			t.Errorf("error %v\nwant  %s", s.Err(), want)
		}
	}
}
