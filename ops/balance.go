package ops

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// Load returns the share (E) of the picks (N, K) that each expert gets; it sums to 1 if no pick is negative. It
// is a constant for differentiation. If real (N) is not nil, only rows where it is 1 count, as [graph.Scope.Real] has it.
func Load(s *graph.Scope, picks *G.Node, experts int, real *G.Node) *G.Node {
	picks = s.Require("Load", "picks", picks)
	k := max(dim(picks, -1), 1)
	if fault := unlike(picks, real); fault != "" {
		return s.Fail("Load", tensor.Shape{max(experts, 1)}, "picks are %s", fault)
	}
	return statistic(s, "Load", tensor.Shape{max(experts, 1)}, func(out []float32, in ...[]float32) {
		clear(out)
		for i, p := range in[0] {
			if p >= 0 && isReal(in[1:], i/k) {
				out[int(p)]++
			}
		}
		n := float32(k * countReal(in[1:], len(in[0])/k))
		for e := range out {
			out[e] /= n
		}
	}, given(picks, real)...)
}

// unlike says what is wrong with a mask of the rows of x, or "".
func unlike(x, real *G.Node) string {
	if real == nil || real.Dims() == 1 && dim(real, 0) == dim(x, 0) {
		return ""
	}
	return fmt.Sprintf("%v, the mask of rows that count %v; want (N, …) and (N)", x.Shape(), real.Shape())
}

// given returns the inputs of an op that may have a mask of real rows.
func given(x, real *G.Node) G.Nodes {
	if real == nil {
		return G.Nodes{x}
	}
	return G.Nodes{x, real}
}

// isReal reports whether a row counts, if there is a mask.
func isReal(mask [][]float32, row int) bool { return len(mask) == 0 || mask[0][row] != 0 }

// countReal returns how many rows count, at least 1.
func countReal(mask [][]float32, rows int) (n int) {
	for i := range rows {
		if isReal(mask, i) {
			n++
		}
	}
	return max(n, 1)
}

// Dropped returns the share, a scalar, of the picks (N, K) that got no row. Negative picks do not count.
func Dropped(s *graph.Scope, picks *G.Node, r Routes) *G.Node {
	picks = s.Require("Dropped", "picks", picks)
	return statistic(s, "Dropped", tensor.ScalarShape(), func(out []float32, in ...[]float32) {
		all, dropped := 0, 0
		for i, p := range in[0] {
			if p >= 0 {
				all++
				if in[1][i] < 0 {
					dropped++
				}
			}
		}
		out[0] = float32(dropped) / float32(max(all, 1))
	}, picks, s.Require("Dropped", "the routes", r.Slots))
}

// Entropy is the mean over the rows of probs (N, E) of −Σ p·log p, in nats; an undecided router has log E. It
// is a constant for differentiation. real is as in [Load].
func Entropy(s *graph.Scope, probs, real *G.Node) *G.Node {
	probs = s.Require("Entropy", "probs", probs)
	rows, width := dim(probs, 0), max(dim(probs, -1), 1)
	if fault := unlike(probs, real); fault != "" {
		return s.Fail("Entropy", tensor.ScalarShape(), "probs are %s", fault)
	}
	return statistic(s, "Entropy", tensor.ScalarShape(), func(out []float32, in ...[]float32) {
		sum := 0.0
		for i, p := range in[0] {
			if p > 0 && isReal(in[1:], i/width) {
				sum -= float64(p) * math.Log(float64(p))
			}
		}
		out[0] = float32(sum / float64(countReal(in[1:], rows)))
	}, given(probs, real)...)
}

// statistic declares an op that computes a statistic of its inputs, without a gradient.
func statistic(s *graph.Scope, name string, shape tensor.Shape, run func(out []float32, in ...[]float32), in ...*G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name:     name,
		Out:      shape,
		FLOPs:    size(in[0].Shape()),
		Detached: true,
		Run: func(a *graph.Args) error {
			values := make([][]float32, len(in))
			for i := range in {
				values[i] = a.Floats(i)
			}
			run(a.Out(0), values...)
			return nil
		},
	}, in...)
}

// MeanRows returns the mean (C) of the rows of x (N, C). real is as in [Load].
func MeanRows(s *graph.Scope, x, real *G.Node) *G.Node {
	x = s.Require("MeanRows", "x", x)
	if !isMatrix(x) {
		return s.Fail("MeanRows", tensor.Shape{dim(x, -1)}, "x is %v; want (N, C)", x.Shape())
	}
	if fault := unlike(x, real); fault != "" {
		return s.Fail("MeanRows", tensor.Shape{dim(x, -1)}, "x is %s", fault)
	}
	rows, width := x.Shape()[0], x.Shape()[1]
	mask := func(a *graph.Args, at int) (mask [][]float32) {
		if real != nil {
			mask = append(mask, a.Floats(at))
		}
		return mask
	}
	return s.Apply(graph.Op{
		Name:  "MeanRows",
		Out:   tensor.Shape{width},
		FLOPs: size(x.Shape()),
		Run: func(a *graph.Args) error {
			mask, sums := mask(a, 1), make([]float64, width)
			for i, v := range a.Floats(0) {
				if isReal(mask, i/width) {
					sums[i%width] += float64(v)
				}
			}
			n := float64(countReal(mask, rows))
			for c, sum := range sums {
				a.Out(0)[c] = float32(sum / n)
			}
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			dx := s.Apply(graph.Op{
				Name:  "MeanRowsGrad",
				Out:   x.Shape(),
				FLOPs: size(x.Shape()),
				Run: func(a *graph.Args) error {
					mask, dx, dy := mask(a, 1), a.Out(0), a.Floats(0)
					n := float32(countReal(mask, rows))
					for i := range dx {
						dx[i] = 0
						if isReal(mask, i/width) {
							dx[i] = dy[i%width] / n
						}
					}
					return nil
				},
			}, append(G.Nodes{grad}, in[1:]...)...)
			if real == nil {
				return G.Nodes{dx}
			}
			return G.Nodes{dx, zerosLike(s, in[1])}
		},
	}, given(x, real)...)
}

// BalanceLoss is E·Σ f·P over the experts, where f is the mean of loads (E) times k, and P the mean of probs
// (E), each over the layers that they are given for (Fedus et al. 2021, Switch Transformers, §2.2; several
// layers are combined as in transformers' load_balancing_loss_func). It is k if all experts are used equally.
// Loads are constants.
func BalanceLoss(s *graph.Scope, loads, probs G.Nodes, k int) *G.Node {
	if len(loads) == 0 || len(loads) != len(probs) {
		return s.Fail("BalanceLoss", tensor.ScalarShape(), "%d loads and %d probabilities; want one of each for each layer", len(loads), len(probs))
	}
	var in G.Nodes
	for i := range loads {
		load, p := s.Require("BalanceLoss", "a load", loads[i]), s.Require("BalanceLoss", "a probability", probs[i])
		if load.Dims() != 1 || !load.Shape().Eq(p.Shape()) || !p.Shape().Eq(probs[0].Shape()) {
			return s.Fail("BalanceLoss", tensor.ScalarShape(), "layer %d has a load %v and probabilities %v; want (%d) twice", i, load.Shape(), p.Shape(), dim(probs[0], 0))
		}
		in = append(in, load, p)
	}
	experts, layers := dim(probs[0], 0), len(loads)
	means := func(a *graph.Args, first int) []float64 { // of the loads, or of the probabilities
		sums := make([]float64, experts)
		for i := first; i < 2*layers; i += 2 {
			for e, v := range a.Floats(i) {
				sums[e] += float64(v) / float64(layers)
			}
		}
		return sums
	}
	return s.Apply(graph.Op{
		Name:  "BalanceLoss",
		FLOPs: int64(2 * (layers + 1) * experts),
		Run: func(a *graph.Args) error {
			sum, probs := 0.0, means(a, 1)
			for e, load := range means(a, 0) {
				sum += load * probs[e]
			}
			a.Out(0)[0] = float32(float64(k*experts) * sum)
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) (grads G.Nodes) {
			slope := s.Apply(graph.Op{
				Name:  "BalanceLossGrad",
				Out:   tensor.Shape{experts},
				FLOPs: int64(layers * experts),
				Run: func(a *graph.Args) error {
					dy := a.Floats(2 * layers)[0]
					for e, load := range means(a, 0) {
						a.Out(0)[e] = float32(float64(k*experts)/float64(layers)*load) * dy
					}
					return nil
				},
			}, append(in[:len(in):len(in)], grad)...)
			for i := 0; i < len(in); i += 2 {
				grads = append(grads, zerosLike(s, in[i]), slope)
			}
			return grads
		},
	}, in...)
}
