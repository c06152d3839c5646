package layers_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Eight SwiGLU experts, of which a token uses two, as in Mixtral.
func ExampleExperts() {
	params := graph.NewParams(1)
	s := graph.New(params)
	swiGLU := func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.GatedMLP(s, x, 14, ops.SiLU, layers.BranchWeights{NoBias: true}) // (N, C)
	}
	y := layers.Experts(layers.ExpertsConfig{Count: 8, PerToken: 2}, swiGLU)(s.At("mlp"), s.Floats("x", 6, 4)) // (N, C)
	fmt.Println(y.Shape(), s.Err())
	for _, p := range params.All() {
		fmt.Println(p.Name(), p.Shape(), p.Groups())
	}
	t := graph.Sum(s.Nodes())
	fmt.Println(t.Params, t.Active)
	// Output:
	// (6, 4) <nil>
	// mlp.router.weight (8, 4) 0
	// mlp.experts.gate_proj.weight (8, 14, 4) 8
	// mlp.experts.up_proj.weight (8, 14, 4) 8
	// mlp.experts.down_proj.weight (8, 4, 14) 8
	// 1376 368
}

// gelu is an expert with all that a plain MLP has.
func gelu(s *graph.Scope, x *G.Node) *G.Node {
	return layers.MLP(s, x, 7, ops.GELU, layers.BranchWeights{Init: graph.Normal(0.5)})
}

// gated is an expert of Llama's MLP.
func gated(s *graph.Scope, x *G.Node) *G.Node {
	return layers.GatedMLP(s, x, 7, ops.SiLU, layers.BranchWeights{Init: graph.Normal(0.5), NoBias: true})
}

// router is one of large weights, so that no two logits are near each other, with a bias.
func router(experts int) func(s *graph.Scope, x *G.Node) *G.Node {
	return func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.Dense(s.At("router"), x, experts, layers.Weights{Init: graph.Normal(2)})
	}
}

// variants are settings of experts, of all kinds of routers.
func variants() map[string]layers.ExpertsConfig {
	return map[string]layers.ExpertsConfig{
		"mixtral":   {Count: 5, PerToken: 2, Balance: layers.Balance{Weight: 0.3}, ZLoss: 0.1},
		"softmax":   {Count: 5, PerToken: 3, Scores: layers.SoftmaxAll, Balance: layers.Balance{Weight: 0.3, Pooled: true}},
		"switch":    {Count: 4, PerToken: 1, Scores: layers.SoftmaxAll, Capacity: 1, Balance: layers.Balance{Weight: 0.3}},
		"gshard":    {Count: 4, PerToken: 2, Scores: layers.SoftmaxAll, Normalize: true, Thin: 0.2, Capacity: 1.25, Balance: layers.Balance{Weight: 0.3, First: true}},
		"deepseek":  {Count: 6, PerToken: 2, Scores: layers.Sigmoid, Normalize: true, Scale: 2.5, Balance: layers.Balance{BiasRate: 0.001, Weight: 0.1}, Shared: gated},
		"all":       {Count: 3, PerToken: 3},
		"one":       {Count: 1, PerToken: 1},
		"sequences": {Count: 4, PerToken: 2, PerSequence: 2},
	}
}

// TestExpertsGrad: the gradients of all that an experts layer has are slopes, with and without recomputation.
func TestExpertsGrad(t *testing.T) {
	for name, c := range variants() {
		c.Router = router(c.Count)
		for kind, expert := range map[string]func(*graph.Scope, *G.Node) *G.Node{"gelu": gelu, "gated": gated} {
			for _, options := range [][]graph.Option{{graph.Training()}, {graph.Training(), graph.Recompute("mlp")}} {
				err := graph.CheckGrad(graph.GradCheck{Seed: 3, Options: options, Most: 40}, func(s *graph.Scope) *G.Node {
					s.SetSequence(2, 6)
					return layers.Experts(c, expert)(s.At("mlp"), s.Floats("x", 12, 4))
				})
				if err != nil {
					t.Errorf("%s, %s, %d options: %v", name, kind, len(options), err)
				}
			}
		}
	}
}

// TestExpertsPieces: what is given piece by piece gets what it gets in whole sequences.
func TestExpertsPieces(t *testing.T) {
	for name, c := range variants() {
		c.Router = router(c.Count)
		err := graph.CheckPieces(graph.PiecesCheck{}, func(s *graph.Scope) *G.Node {
			batch, context := s.Sequence()
			return layers.Experts(c, gated)(s.At("mlp"), s.Floats("x", batch*context, 4))
		})
		if refused := err != nil && strings.Contains(err.Error(), "Route"); refused != (c.PerSequence > 0) || err != nil && !refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExpertsOf: the layer is what a token's experts, each run over all tokens, give in float64, by brute force.
func TestExpertsOf(t *testing.T) {
	const n, width, inner = 12, 4, 7
	for _, c := range []layers.ExpertsConfig{{Count: 5, PerToken: 2}, {Count: 5, PerToken: 5}, {Count: 5, PerToken: 1, Scores: layers.SoftmaxAll}, {Count: 5, PerToken: 3, Scores: layers.Sigmoid}} {
		c.Router = router(c.Count)
		err := graph.CheckGrad(graph.GradCheck{Seed: 5, Most: 1000, Reference: func(in map[string][]float64) []float64 {
			return bruteForce(c, in, n, width, inner)
		}}, func(s *graph.Scope) *G.Node {
			return layers.Experts(c, gelu)(s.At("mlp"), s.Floats("x", n, width))
		})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// bruteForce runs all experts over all tokens and adds up those of each.
func bruteForce(c layers.ExpertsConfig, in map[string][]float64, n, width, inner int) []float64 {
	out := make([]float64, n*width)
	for r := range n {
		x, y := in["x"][r*width:][:width], out[r*width:][:width]
		logits := make([]float64, c.Count)
		for e := range logits {
			logits[e] = in["mlp.router.bias"][e]
			for i, v := range x {
				logits[e] += v * in["mlp.router.weight"][e*width+i]
			}
		}
		order := make([]int, c.Count)
		for e := range order {
			order[e] = e
		}
		slices.SortStableFunc(order, func(a, b int) int {
			if logits[a] > logits[b] {
				return -1
			}
			return 1
		})
		sum := 0.0
		for i, e := range order {
			if i < c.PerToken || c.Scores == layers.SoftmaxAll {
				sum += math.Exp(logits[e])
			}
		}
		for _, e := range order[:c.PerToken] {
			weight := math.Exp(logits[e]) / sum
			if c.Scores == layers.Sigmoid {
				weight = 1 / (1 + math.Exp(-logits[e]))
			}
			h := make([]float64, inner)
			for j := range h {
				u := in["mlp.experts.c_fc.bias"][e*inner+j]
				for i, v := range x {
					u += v * in["mlp.experts.c_fc.weight"][(e*width+i)*inner+j]
				}
				h[j] = 0.5 * u * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(u+0.044715*u*u*u)))
			}
			for i := range y {
				v := in["mlp.experts.c_proj.bias"][e*width+i]
				for j, u := range h {
					v += u * in["mlp.experts.c_proj.weight"][(e*inner+j)*width+i]
				}
				y[i] += weight * v
			}
		}
	}
	return out
}
