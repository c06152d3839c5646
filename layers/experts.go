package layers

import (
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// ExpertsConfig are the settings of [Experts]. Those but Count and PerToken may be left at zero, which is Mixtral's router, without
// losses.
type ExpertsConfig struct {
	Count    int // experts, E
	PerToken int // how many of them a token is sent to, k

	// Router gives the logits (N, E) of x (N, C); nil is [Dense] at "router", without a bias.
	Router func(s *graph.Scope, x *G.Node) *G.Node
	// Jitter multiplies what the router sees by numbers drawn evenly from 1 ± Jitter, in training.
	Jitter float64
	// Scores are how logits become weights.
	Scores Scores
	// Normalize divides the weights of a token's experts by their sum, as GShard and DeepSeek-V3 do; those
	// of SoftmaxPicked sum to 1 anyway. It comes before experts are left out for whatever reason.
	Normalize bool
	// Scale multiplies all weights, behind all else; 0 stands for 1. DeepSeek-V3 has 2.5.
	Scale float64
	// Thin keeps a token's second expert, and further ones, with the probability of its weight divided by this, in
	// training; 0 keeps all. GShard in Mesh TensorFlow has 0.2.
	Thin float64

	// Capacity bounds the rows of an expert to ⌊Capacity·N/E⌋ in training, and EvalCapacity in other graphs of whole sequences, at least to
	// one row; 0 is no bound.
	// First choices come before second ones, earlier tokens before later; the rest gets nothing of the
	// expert, so that of top-1 the residual stream alone goes on. Switch has 1 to 1.25, GShard 1.25 and 2.
	Capacity, EvalCapacity float64
	// PerSequence is the number of rows that an expert takes of each sequence, in order; 0 is no bound. It is the
	// expert_capacity of transformers' Switch. A model with a bound outside of training is not run piece by piece.
	PerSequence int

	Balance Balance
	// ZLoss times the mean of the squares of log Σ exp of the logits, and over the layers, is added to the loss (Zoph et al. 2022,
	// ST-MoE, §2: 1e-3).
	ZLoss float64

	// Shared is an expert that every token goes to, at "shared", beside its others; nil is none.
	Shared func(s *graph.Scope, x *G.Node) *G.Node
}

// Scores are how the logits of a router become the weights of a token's experts.
type Scores int

const (
	// SoftmaxPicked is a softmax over the logits of the picked experts alone, which equals one over all, divided by the sum of the
	// picked (Mixtral, gpt-oss). The loss does not teach the router by experts that were not picked, nor by the one of top-1.
	SoftmaxPicked Scores = iota
	// SoftmaxAll is a softmax over all logits, of which the picked ones count (Switch, GShard).
	SoftmaxAll
	// Sigmoid is the logistic function of each logit (DeepSeek-V3).
	Sigmoid
)

// Balance is what keeps a router from sending all tokens to a few experts.
type Balance struct {
	// Weight times E·Σ f·P is added to the loss, where f is how many of an expert's picks there are for each token, and P its mean
	// probability ([ops.BalanceLoss]): k where all is balanced. Of several layers it is the mean, or with Pooled the same of f and P of all layers
	// together, as transformers' Mixtral and gpt-oss have it, which two layers that each use one expert alone may satisfy.
	Weight float64
	Pooled bool
	// First counts first choices alone, as GShard does; a balanced value is 1 then.
	First bool
	// BiasRate is by how much a bias of each expert grows after an update in which it got fewer picks than the mean, and shrinks
	// where it got more: the buffer "balance_bias" (E), which is added to scores when experts are picked, but not to weights
	// (DeepSeek-V3, §2.1.2: 1e-3). 0 has no bias.
	BiasRate float64
}

// Experts is a mixture of experts (Shazeer et al. 2017): a router sends each row of x (N, C) to the k best of E experts, each
// an MLP like the others with weights of its own, and adds up what they give, weighted.
// expert declares one, at "experts", for the rows that are sent to it: every parameter that it declares is one for each expert, (E, …),
// and ops.Linear and ops.Dense multiply each row by that of its own ([graph.Scope.Grouped]), so that any constructor
// of matrix products and element-wise functions will do, such as [MLP], [GatedMLP], or what declares a model's MLP in an edit:
//
//	models.Edit(m, graph.Replace("h.*.mlp", layers.Experts(layers.ExpertsConfig{Count: 8, PerToken: 2}, mlp)))
//
// It reports the share of all picks of each expert as "load", the "entropy" of the router's probabilities, its "balance", and, where there is a
// capacity, the share of picks that got no room as "dropped" ([graph.Scope.Report]); it exposes its "probs" (N, E) and "picks" (N, K).
func Experts(c ExpertsConfig, expert func(s *graph.Scope, x *G.Node) *G.Node) func(s *graph.Scope, x *G.Node) *G.Node {
	return func(s *graph.Scope, x *G.Node) *G.Node {
		x = s.Require("Experts", "x", x)
		if fault := c.check(x, expert); fault != "" {
			return s.Fail("Experts", x.Shape(), "%s", fault)
		}
		return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
			weights, picks := c.route(s, x) // (N, K) twice
			capacity, fault := c.capacity(s, dim(x, 0))
			if fault != "" {
				return s.Fail("Experts", x.Shape(), "%s", fault)
			}
			routes := ops.Route(s, picks, c.Count, capacity)
			if capacity != (ops.Capacity{}) {
				s.Report("dropped", ops.Dropped(s, picks, routes))
			}
			rows := ops.Dispatch(s, x, routes) // (N·K, C), sorted by expert
			e := s.At(expertsName).Grouped(graph.Groups{Count: c.Count, PerRow: c.PerToken, Ends: routes.Ends})
			y := e.Require("Experts", "what the expert returns", expert(e, rows)) // (N·K, C)
			if !y.Shape().Eq(rows.Shape()) {
				return s.Fail("Experts", x.Shape(), "the expert makes %v of %v; want as many rows and columns", y.Shape(), rows.Shape())
			}
			y = ops.Combine(s, y, weights, routes) // (N, C)
			if c.Shared != nil {
				y = ops.Add(s, y, c.Shared(s.At("shared"), x)) // (N, C)
			}
			return y
		})
	}
}

// expertsName is the scope of what all experts declare.
const expertsName = "experts"

// WithoutExperts is the name that a parameter of experts has where one of them stands in the place of the whole [Experts], as
// the MLP does that they are to begin as: h.0.mlp.c_fc.weight of h.0.mlp.experts.c_fc.weight. It is "" for other names.
func WithoutExperts(name string) string {
	before, after, found := strings.Cut(name, "."+expertsName+".")
	if !found {
		return ""
	}
	return before + "." + after
}
