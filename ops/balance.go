package ops

import (
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// Load returns the share (E) of the picks (N, K) that each expert gets; it sums to 1 if no pick is negative. It
// is a constant for differentiation.
func Load(s *graph.Scope, picks *G.Node, experts int) *G.Node {
	picks = s.Require("Load", "picks", picks)
	return statistic(s, "Load", tensor.Shape{max(experts, 1)}, func(out []float32, picks ...[]float32) {
		clear(out)
		for _, p := range picks[0] {
			if p >= 0 {
				out[int(p)]++
			}
		}
		for e := range out {
			out[e] /= float32(len(picks[0]))
		}
	}, picks)
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
// is a constant for differentiation.
func Entropy(s *graph.Scope, probs *G.Node) *G.Node {
	probs = s.Require("Entropy", "probs", probs)
	rows := dim(probs, 0)
	return statistic(s, "Entropy", tensor.ScalarShape(), func(out []float32, in ...[]float32) {
		sum := 0.0
		for _, p := range in[0] {
			if p > 0 {
				sum -= float64(p) * math.Log(float64(p))
			}
		}
		out[0] = float32(sum / float64(rows))
	}, probs)
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

// MeanRows returns the mean (C) of the rows of x (N, C).
func MeanRows(s *graph.Scope, x *G.Node) *G.Node {
	x = s.Require("MeanRows", "x", x)
	if !isMatrix(x) {
		return s.Fail("MeanRows", tensor.Shape{dim(x, -1)}, "x is %v; want (N, C)", x.Shape())
	}
	rows, width := x.Shape()[0], x.Shape()[1]
	return s.Apply(graph.Op{
		Name:  "MeanRows",
		Out:   tensor.Shape{width},
		FLOPs: size(x.Shape()),
		Run: func(a *graph.Args) error {
			sums := make([]float64, width)
			for i, v := range a.Floats(0) {
				sums[i%width] += float64(v)
			}
			for c, sum := range sums {
				a.Out(0)[c] = float32(sum / float64(rows))
			}
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name:  "MeanRowsGrad",
				Out:   x.Shape(),
				FLOPs: size(x.Shape()),
				Run: func(a *graph.Args) error {
					dx, dy := a.Out(0), a.Floats(0)
					for i := range dx {
						dx[i] = dy[i%width] / float32(rows)
					}
					return nil
				},
			}, grad)}
		},
	}, x)
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
