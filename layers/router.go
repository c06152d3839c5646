package layers

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// check returns what is wrong with the settings, or "".
func (c ExpertsConfig) check(x *G.Node, expert func(s *graph.Scope, x *G.Node) *G.Node) string {
	bad := func(v float64) bool { return !(v >= 0) || math.IsInf(v, 0) }
	switch {
	case x.Dims() != 2:
		return fmt.Sprintf("x is %v; want (N, C)", x.Shape())
	case expert == nil:
		return "the expert is nil; want a function"
	case c.Count < 1 || c.PerToken < 1 || c.PerToken > c.Count:
		return fmt.Sprintf("%d of %d experts for a token; want 1 or more experts, and 1 to all of them for a token", c.PerToken, c.Count)
	case c.Scores < SoftmaxPicked || c.Scores > Sigmoid:
		return fmt.Sprintf("Scores are %d; want SoftmaxPicked, SoftmaxAll or Sigmoid", c.Scores)
	case bad(c.Thin) || bad(c.Scale) || bad(c.ZLoss) || bad(c.Balance.Weight) || bad(c.Balance.BiasRate):
		return fmt.Sprintf("Thin is %v, Scale %v, ZLoss %v, Balance %+v; want 0 or more", c.Thin, c.Scale, c.ZLoss, c.Balance)
	case bad(c.Capacity) || bad(c.EvalCapacity) || c.PerSequence < 0:
		return fmt.Sprintf("a capacity of %v, %v in evaluations, %d a sequence; want numbers above 0, or 0 for no bound", c.Capacity, c.EvalCapacity, c.PerSequence)
	}
	return ""
}

// capacity returns the capacity in a graph of the given number of rows, or what is wrong with it.
func (c ExpertsConfig) capacity(s *graph.Scope, rows int) (ops.Capacity, string) {
	factor := c.EvalCapacity
	if s.Training() {
		factor = c.Capacity
	}
	most := min(factor*float64(rows)/float64(c.Count), float64(rows)) // an expert gets no row twice
	bound := ops.Capacity{Rows: int(most), PerSequence: c.PerSequence}
	if factor > 0 && !s.Training() {
		bound.Rows = max(bound.Rows, 1) // loading a model, or a prompt, may involve a single token
	}
	if factor > 0 && bound.Rows < 1 {
		return bound, fmt.Sprintf("a capacity of %v times %d rows for %d experts is 0 rows for each; want 1 or more", factor, rows, c.Count)
	}
	return bound, ""
}

// route declares the router of x (N, C) and returns the experts (N, K) of each row and their weights (N, K). It
// adds the router's losses and reports.
func (c ExpertsConfig) route(s *graph.Scope, x *G.Node) (weights, picks *G.Node) {
	router := c.Router
	if router == nil {
		router = func(s *graph.Scope, x *G.Node) *G.Node {
			return Dense(s.At("router"), x, c.Count, Weights{NoBias: true}) // (N, E)
		}
	}
	logits := s.Require("Experts", "the router's logits", router(s.InFloat32(), ops.Jitter(s, x, c.Jitter))) // (N, E)
	if logits.Dims() != 2 || dim(logits, 0) != dim(x, 0) || dim(logits, 1) != c.Count {
		logits = s.Fail("Experts", []int{dim(x, 0), c.Count}, "the router's logits are %v for x %v; want (N, E) for %d experts", logits.Shape(), x.Shape(), c.Count)
	}
	var scores, probs *G.Node // (N, E)
	if c.Scores == Sigmoid {
		scores = ops.Sigmoid(s, logits)
		probs = ops.Shares(s, scores)
	} else {
		scores = ops.Softmax(s, logits)
		probs = scores
	}
	ranked := logits // (N, E)
	var bias *G.Node // (E)
	if c.Balance.BiasRate > 0 {
		bias = s.Buffer("balance_bias", graph.Zeros(), c.Count)
		ranked = ops.AddRow(s, scores, bias)
	}
	picks = ops.TopK(s, ranked, c.PerToken) // (N, K)
	s.Expose("probs", func(*graph.Scope) *G.Node { return probs })
	s.Expose("picks", func(*graph.Scope) *G.Node { return picks })
	if s.Cache() == nil {
		c.watch(s, logits, probs, picks, bias)
	}
	if c.Scores == SoftmaxPicked {
		weights = ops.Softmax(s, ops.TakeColumns(s, logits, picks)) // (N, K)
	} else {
		weights = ops.TakeColumns(s, scores, picks) // (N, K)
	}
	if c.Normalize {
		weights = ops.Shares(s, weights)
	}
	if c.Thin > 0 {
		picks = ops.Thin(s, picks, weights, c.Thin)
	}
	if real := realRows(s, x); real != nil { // padding takes no place in experts
		picks = ops.DropRows(s, picks, real)
	}
	if c.Scale > 0 {
		weights = ops.Scale(s, weights, c.Scale)
	}
	return weights, picks
}

// realRows returns which rows of x are not padding, or nil if nothing says so, as for rows that are not positions.
func realRows(s *graph.Scope, x *G.Node) *G.Node {
	if real := s.Real(); real != nil && dim(real, 0) == dim(x, 0) {
		return real
	}
	return nil
}

// watch adds the losses and reports of a router.
func (c ExpertsConfig) watch(s *graph.Scope, logits, probs, picks, bias *G.Node) {
	counted, k := picks, c.PerToken
	if c.Balance.First {
		counted, k = ops.Columns(s, picks, 0, 1), 1
	}
	real := realRows(s, logits)
	load, mean := ops.Load(s, counted, c.Count, real), ops.MeanRows(s, probs, real) // (E) twice
	balance := ops.BalanceLoss(s, G.Nodes{load}, G.Nodes{mean}, k)
	s.Report("balance", balance)
	s.Report("entropy", ops.Entropy(s, probs, real))
	switch {
	case c.Balance.Weight == 0:
	case c.Balance.Pooled:
		s.PoolLoss("balance_loss", c.Balance.Weight, func(s *graph.Scope, values []G.Nodes) *G.Node {
			var loads, means G.Nodes
			for _, v := range values {
				loads, means = append(loads, v[0]), append(means, v[1])
			}
			return ops.BalanceLoss(s, loads, means, 1)
		}, ops.Scale(s, load, float64(k)), mean) // picks of an expert per token
	default:
		s.PoolLoss("balance_loss", c.Balance.Weight, average, balance)
	}
	if c.ZLoss > 0 {
		squares := s.Node(G.Square(ops.LogSumExp(s, logits)))                      // (N)
		mean := ops.MeanRows(s, ops.Reshape(s, squares, dim(squares, 0), 1), real) // (1)
		s.PoolLoss("router_z_loss", c.ZLoss, average, s.Node(G.Sum(mean)))
	}
	if c.Balance.First {
		load = ops.Load(s, picks, c.Count, real)
	}
	if bias == nil {
		s.Report("load", load)
		return
	}
	s.ReportTo("load", load, bias, func(bias []float32, load []float64) {
		mean := 0.0
		for _, share := range load {
			mean += share / float64(len(load))
		}
		for e, share := range load {
			switch {
			case share < mean:
				bias[e] += float32(c.Balance.BiasRate)
			case share > mean:
				bias[e] -= float32(c.Balance.BiasRate)
			}
		}
	})
}

// average returns the mean of the single values of the layers.
func average(s *graph.Scope, values []G.Nodes) *G.Node {
	sum := values[0][0]
	for _, v := range values[1:] {
		sum = ops.Add(s, sum, v[0])
	}
	return ops.Scale(s, sum, 1/float64(len(values)))
}
