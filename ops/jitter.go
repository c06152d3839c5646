package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Jitter multiplies each element of x by a number drawn uniformly from 1 ± size, as is done with the input of a
// router (Fedus et al. 2021, Switch Transformers, appendix D). Outside of training graphs, and for a size of 0,
// it is x itself. The numbers are drawn like those of [Dropout].
func Jitter(s *graph.Scope, x *G.Node, size float64) *G.Node {
	x = s.Require("Jitter", "x", x)
	if !(size >= 0 && size < 1) {
		return s.Fail("Jitter", x.Shape(), "a jitter of %v is not in [0, 1)", size)
	}
	if !s.Training() || size == 0 {
		return x
	}
	stream := s.Stream("jitter")
	var jitter func(name string, x *G.Node) *G.Node
	jitter = func(name string, x *G.Node) *G.Node {
		return s.Apply(graph.Op{
			Name:  name,
			Out:   x.Shape(),
			FLOPs: 3 * int64(x.Shape().TotalSize()),
			Run: func(a *graph.Args) error {
				seed, step := a.Random()
				x, out := a.Floats(0), a.Out(0)
				a.For(len(x), grain(4), func(lo, hi int) {
					for i := lo; i < hi; i++ {
						out[i] = x[i] * (1 + float32(size)*(2*kernel.Uniform(seed, step, stream, uint64(i))-1))
					}
				})
				return nil
			},
			Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{jitter("JitterGrad", grad)} },
		}, x)
	}
	return jitter("Jitter", x)
}

// Thin keeps the first pick (N, K) of each row, and each of the others with a probability of its weight (N, K)
// divided by threshold, as GShard does with the second one (0.2 in Mesh TensorFlow). Picks that are not kept
// become −1. Outside of training graphs all are kept.
func Thin(s *graph.Scope, picks, weights *G.Node, threshold float64) *G.Node {
	picks, weights = s.Require("Thin", "picks", picks), s.Require("Thin", "weights", weights)
	if !isMatrix(picks) || !weights.Shape().Eq(picks.Shape()) || !(threshold > 0) {
		return s.Fail("Thin", picks.Shape(), "picks are %v, weights %v, the threshold is %v; want (N, K) twice, and a number above 0", picks.Shape(), weights.Shape(), threshold)
	}
	if !s.Training() {
		return picks
	}
	stream, k := s.Stream("thin"), picks.Shape()[1]
	return s.Apply(graph.Op{
		Name:     "Thin",
		Out:      picks.Shape(),
		Detached: true,
		Run: func(a *graph.Args) error {
			seed, step := a.Random()
			weights, out := a.Floats(1), a.Out(0)
			for i, pick := range a.Floats(0) {
				if i%k > 0 && kernel.Uniform(seed, step, stream, uint64(i)) >= weights[i]/float32(threshold) {
					pick = -1
				}
				out[i] = pick
			}
			return nil
		},
	}, picks, weights)
}
