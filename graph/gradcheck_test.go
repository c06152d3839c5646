package graph_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// swish declares x·σ(x) as a custom op. slope is its derivative, which tests replace by a wrong one.
func swish(s *graph.Scope, x *G.Node, slope func(x float64) float64) *G.Node {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	return s.Apply(graph.Op{
		Name: "Swish", Out: x.Shape(),
		Run: func(a *graph.Args) error {
			for i, x := range a.Floats(0) {
				a.Out(0)[i] = x * float32(sigmoid(float64(x)))
			}
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name: "SwishGrad", Out: x.Shape(),
				Run: func(a *graph.Args) error {
					for i, x := range a.Floats(0) {
						a.Out(0)[i] = a.Floats(1)[i] * float32(slope(float64(x)))
					}
					return nil
				},
			}, in[0], grad)}
		},
	}, x)
}

func swishSlope(x float64) float64 {
	y := 1 / (1 + math.Exp(-x))
	return y * (1 + x*(1-y))
}

// ExampleCheckGrad checks a custom op whose gradient is wrong at first.
func ExampleCheckGrad() {
	wrong := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) } // it lacks a term
	for _, slope := range []func(x float64) float64{wrong, swishSlope} {
		fmt.Println(graph.CheckGrad(graph.GradCheck{}, func(s *graph.Scope) *G.Node {
			return swish(s, s.Floats("x", 2, 3), slope)
		}))
	}
	// Output:
	// graph: CheckGrad: the gradient of x (2, 3) at [1 2] is 0.7236445, by differences 0.755513
	// <nil>
}

// TestCheckGrad: correct functions pass, whether they have parameters, float inputs or integers, are fused or
// composed, have a kink, or use dropout.
func TestCheckGrad(t *testing.T) {
	for name, c := range map[string]struct {
		settings graph.GradCheck
		declare  func(s *graph.Scope) *G.Node
	}{
		"norm": {graph.GradCheck{}, func(s *graph.Scope) *G.Node {
			return ops.LayerNorm(s, s.Floats("x", 4, 6), s.Param("gain", graph.Normal(1), 6), s.Param("bias", graph.Zeros(), 6), 1e-5)
		}},
		"recomputed": {graph.GradCheck{Options: []graph.Option{graph.Recompute("h")}}, func(s *graph.Scope) *G.Node {
			return ops.LayerNorm(s.At("h"), ops.GELU(s.At("h"), s.Floats("x", 4, 6)), s.Param("gain", graph.Normal(1), 6), nil, 1e-5)
		}},
		"kink": {graph.GradCheck{}, func(s *graph.Scope) *G.Node { return ops.ReLU(s, s.Floats("x", 20, 20)) }},
		"at a kink": {graph.GradCheck{}, func(s *graph.Scope) *G.Node {
			return ops.ReLU(s, s.Param("x", graph.InitFunc("near 0", func(w []float32, _ []int, _ *rand.Rand) {
				for i := range w {
					w[i] = float32(i-10) + 0.001
				}
			}), 21))
		}},
		"added loss": {graph.GradCheck{}, func(s *graph.Scope) *G.Node {
			x := s.Param("x", graph.Normal(1), 3, 4)
			s.AddLoss("size", s.Node(G.Sum(s.Node(G.Square(x)))), 0.3)
			return ops.GELU(s, x)
		}},
		"dropout": {graph.GradCheck{Options: []graph.Option{graph.Training()}}, func(s *graph.Scope) *G.Node {
			return ops.Dropout(s, s.Floats("x", 20, 20), 0.5)
		}},
		"loss": {graph.GradCheck{Ints: map[string][]int{"targets": {2, 0, -1}}, Floats: map[string][]float32{"weights": {1, 2, 3}}}, func(s *graph.Scope) *G.Node {
			return ops.WeightedLinearCrossEntropy(s, s.Floats("x", 3, 4), s.Param("w", graph.Normal(1), 5, 4), s.Ints("targets", 3), s.Floats("weights", 3))
		}},
		"Gorgonia's": {graph.GradCheck{Seed: 3}, func(s *graph.Scope) *G.Node {
			return s.Node(G.Mul(s.Node(G.Tanh(s.Floats("x", 3, 4))), s.Param("w", graph.Normal(1), 4, 2)))
		}},
		"reference": {graph.GradCheck{Reference: func(in map[string][]float64) []float64 {
			y := make([]float64, 12)
			for i, x := range in["x"] {
				y[i] = x / (1 + math.Exp(-x)) * in["w"][i]
			}
			return y
		}}, func(s *graph.Scope) *G.Node {
			return s.Node(G.HadamardProd(swish(s, s.Floats("x", 3, 4), swishSlope), s.Param("w", graph.Normal(1), 3, 4)))
		}},
	} {
		if err := graph.CheckGrad(c.settings, c.declare); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if graph.Running() != 0 {
		t.Errorf("%d programs run", graph.Running())
	}
}

// TestCheckGradAdded: losses that a layer adds are differentiated, so the differences include them.
func TestCheckGradAdded(t *testing.T) {
	declare := func(s *graph.Scope) *G.Node {
		x := ops.GELU(s, ops.Linear(s, s.Floats("x", 3, 4), s.Param("w", graph.Normal(1), 4, 5), nil))
		s.At("h").AddLoss("size", s.Node(G.Mean(s.Node(G.Square(x)))), 0.5)
		s.At("h").AddLoss("sum", s.Node(G.Mean(x)), -2)
		return x
	}
	if err := graph.CheckGrad(graph.GradCheck{}, declare); err != nil {
		t.Error(err)
	}
}

// TestCheckGradFinds: errors in a gradient are reported.
func TestCheckGradFinds(t *testing.T) {
	var kept float32
	stateful := func(a *graph.Args) error {
		kept++
		for i := range a.Out(0) {
			a.Out(0)[i] = kept * a.Floats(0)[i]
		}
		return nil
	}
	apply := func(run func(a *graph.Args) error) func(s *graph.Scope) *G.Node {
		return func(s *graph.Scope) *G.Node {
			x := s.Floats("x", 4)
			return s.Apply(graph.Op{
				Name: "Mine", Out: x.Shape(),
				Run: func(a *graph.Args) error { copy(a.Out(0), a.Floats(0)); return nil },
				Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
					return G.Nodes{s.Apply(graph.Op{Name: "MineGrad", Out: x.Shape(), Run: run}, grad, x)}
				},
			}, x)
		}
	}
	for want, c := range map[string]struct {
		settings graph.GradCheck
		declare  func(s *graph.Scope) *G.Node
	}{
		"a second run gives a different gradient of x": {graph.GradCheck{}, apply(stateful)},
		"a run writes to x":                            {graph.GradCheck{}, apply(func(a *graph.Args) error { a.Floats(1)[2] = 7; return stateful(a) })},
		"the gradient of x is not finite":              {graph.GradCheck{}, apply(func(a *graph.Args) error { a.Out(0)[0] = float32(math.NaN()); return nil })},
		"the gradient of x (4) at [": {graph.GradCheck{}, apply(func(a *graph.Args) error {
			for i, dy := range a.Floats(0) {
				a.Out(0)[i] = 1.02 * dy
			}
			return nil
		})},
		"element [0] of the value (1) is": {graph.GradCheck{Reference: func(in map[string][]float64) []float64 { return []float64{in["x"][0] * 1.001} }},
			func(s *graph.Scope) *G.Node { return ops.Scale(s, s.Floats("x", 1), 1) }},
		"an op ignores the factors of Args.Accumulate": {graph.GradCheck{}, func(s *graph.Scope) *G.Node {
			w := s.Param("w", graph.Normal(1), 4)
			return s.Apply(graph.Op{
				Name: "Mine", Out: w.Shape(),
				Run: func(a *graph.Args) error { copy(a.Out(0), a.Floats(0)); return nil },
				Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
					return G.Nodes{s.Apply(graph.Op{Name: "MineGrad", Out: w.Shape(), Accumulates: true, Run: func(a *graph.Args) error {
						dst, _, _ := a.Accumulate(0)
						copy(dst, a.Floats(0))
						return nil
					}}, grad)}
				},
			}, w)
		}},
		"the reference returns 2 values, want 1": {graph.GradCheck{Reference: func(map[string][]float64) []float64 { return make([]float64, 2) }},
			func(s *graph.Scope) *G.Node { return ops.Scale(s, s.Floats("x", 1), 1) }},
		"the function is not smooth in x": {graph.GradCheck{}, func(s *graph.Scope) *G.Node {
			x := s.Floats("x", 50)
			return s.Apply(graph.Op{
				Name: "Stairs", Out: x.Shape(),
				Run: func(a *graph.Args) error {
					for i, v := range a.Floats(0) {
						a.Out(0)[i] = float32(math.Round(float64(50*v)) / 50)
					}
					return nil
				},
				Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{grad} },
			}, x)
		}},
		"input ids was given no values":                            {graph.GradCheck{}, func(s *graph.Scope) *G.Node { return ops.Embed(s, s.Ints("ids", 2), s.Param("w", graph.Ones(), 3, 2)) }},
		"CheckGrad: what the function returns is nil":              {graph.GradCheck{}, func(*graph.Scope) *G.Node { return nil }},
		"the loss does not depend on this node":                    {graph.GradCheck{}, func(s *graph.Scope) *G.Node { s.Floats("y", 3); return ops.GELU(s, s.Floats("x", 3)) }},
		"no input \"z\" of type []float32; the inputs are [\"x\"]": {graph.GradCheck{Floats: map[string][]float32{"z": {1}}}, func(s *graph.Scope) *G.Node { return ops.GELU(s, s.Floats("x", 3)) }},
	} {
		if err := graph.CheckGrad(c.settings, c.declare); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
}
