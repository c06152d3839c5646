package layers

import (
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// ExpertsConfig holds the settings of [Experts]. All but Count and PerToken may be left at zero, which gives
// Mixtral's router without auxiliary losses.
type ExpertsConfig struct {
	Count    int // number of experts, E
	PerToken int // number of experts that each token is sent to, k

	// Router returns the logits (N, E) of x (N, C); nil means [Dense] at "router", without a bias.
	Router func(s *graph.Scope, x *G.Node) *G.Node
	// Jitter multiplies the router's input by numbers drawn uniformly from 1 ± Jitter, in training.
	Jitter float64
	// Scores says how logits become weights.
	Scores Scores
	// Normalize divides the weights of a token's experts by their sum, as GShard and DeepSeek-V3 do; the
	// weights of SoftmaxPicked sum to 1 anyway. It is applied before any experts are dropped by Thin or a
	// capacity.
	Normalize bool
	// Scale multiplies all weights, after everything else; 0 means 1. DeepSeek-V3 uses 2.5.
	Scale float64
	// Thin keeps a token's second and further experts, in training, each with a probability of its weight
	// divided by Thin; 0 keeps all. GShard in Mesh TensorFlow uses 0.2.
	Thin float64

	// Capacity bounds the rows of an expert to ⌊Capacity·N/E⌋ in training. EvalCapacity does so in all other
	// graphs of whole sequences, where an expert may always have at least one row. 0 means no bound. First
	// choices are admitted before second ones, and earlier tokens before later ones. A pick that does not fit
	// gets nothing from the expert, so that with top-1 only the residual stream remains. Switch uses 1 to 1.25,
	// GShard 1.25 and 2.
	Capacity, EvalCapacity float64
	// PerSequence is the number of rows that an expert takes from each sequence, in order; 0 means no bound. It
	// is the expert_capacity of transformers' Switch. A model with a bound outside of training cannot be run
	// piece by piece.
	PerSequence int

	Balance Balance
	// ZLoss times the mean, over rows and layers, of the square of log Σ exp of the logits is added to the loss
	// (Zoph et al. 2022, ST-MoE, §2: 1e-3).
	ZLoss float64

	// Shared is an additional expert, at "shared", that every token goes to; nil means none.
	Shared func(s *graph.Scope, x *G.Node) *G.Node
}

// Scores says how the logits of a router become the weights of a token's experts.
type Scores int

const (
	// SoftmaxPicked is a softmax over the logits of the picked experts alone, which equals a softmax over all
	// logits divided by the sum over the picked ones (Mixtral, gpt-oss). Experts that were not picked give the
	// router no gradient from the model's loss, and with top-1 the picked expert gives it none either.
	SoftmaxPicked Scores = iota
	// SoftmaxAll is a softmax over all logits, of which the picked ones are used (Switch, GShard).
	SoftmaxAll
	// Sigmoid is the logistic function of each logit (DeepSeek-V3).
	Sigmoid
)

// Balance holds the settings that keep a router from sending all tokens to a few experts.
type Balance struct {
	// Weight times E·Σ f·P is added to the loss ([ops.BalanceLoss]), where f is the number of an expert's picks
	// per token and P its mean probability; with balanced experts the sum is k. With several layers it is the
	// mean over the layers, or, if Pooled, it is computed once from the means of f and P over all layers, as in
	// transformers' Mixtral and gpt-oss. Two layers that each use one expert only may satisfy the pooled form.
	Weight float64
	Pooled bool
	// First counts first choices only, as GShard does; the balanced value is then 1.
	First bool
	// BiasRate is the step by which the bias of each expert grows after an update in which it got fewer picks
	// than the mean, and shrinks after one in which it got more. The biases are the buffer "balance_bias" (E).
	// They are added to scores when experts are picked, but not to weights (DeepSeek-V3, §2.1.2: 1e-3). 0 means
	// no bias.
	BiasRate float64
}

// Experts is a mixture of experts (Shazeer et al. 2017): a router sends each row of x (N, C) to the k best of E
// experts, each an MLP with its own weights, and adds up their results, weighted.
//
// The function expert declares all experts at once, at "experts", for the rows that are sent to them. Every
// parameter that it declares gets a leading dimension, (E, …), and ops.Linear and ops.Dense multiply each row
// by the part of the row's expert ([graph.Scope.Grouped]). So any constructor made of matrix products and
// element-wise functions will do, such as [MLP], [GatedMLP], or, in an edit, the function that declares a
// model's MLP:
//
//	models.Edit(m, graph.Replace("h.*.mlp", layers.Experts(layers.ExpertsConfig{Count: 8, PerToken: 2}, mlp)))
//
// It reports each expert's share of all picks as "load", the "entropy" of the router's probabilities, its
// "balance", and, if there is a capacity, the share of picks that did not fit as "dropped"
// ([graph.Scope.Report]). It exposes "probs" (N, E) and "picks" (N, K).
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
				return s.Fail("Experts", x.Shape(), "the expert returns %v for %v; want the same shape", y.Shape(), rows.Shape())
			}
			y = ops.Combine(s, y, weights, routes) // (N, C)
			if c.Shared != nil {
				y = ops.Add(s, y, c.Shared(s.At("shared"), x)) // (N, C)
			}
			return y
		})
	}
}

// expertsName is the name of the scope in which the experts are declared.
const expertsName = "experts"

// WithoutExperts returns the name that a parameter of experts would have if a single MLP stood in place of the
// whole [Experts] layer, such as the MLP that the experts are initialized from: h.0.mlp.c_fc.weight for
// h.0.mlp.experts.c_fc.weight. It returns "" for the names of other parameters.
func WithoutExperts(name string) string {
	before, after, found := strings.Cut(name, "."+expertsName+".")
	if !found {
		return ""
	}
	return before + "." + after
}
