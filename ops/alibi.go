package ops

import (
	"math"
	"math/bits"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// ALiBi returns the slopes of attention with linear biases for a number of heads (Press et al. 2022, §3), for
// [AttentionOptions]: 2^(−8h/H) for h from 1 to H. If H is not a power of two, the slopes for the next lower
// power come first, then every other slope for the next higher power, as in BLOOM.
func ALiBi(heads int) []float64 {
	if heads < 1 {
		return nil
	}
	power := 1 << (bits.Len(uint(heads)) - 1)
	slopes := geometric(power, 8)
	for i := 0; len(slopes) < heads; i += 2 {
		slopes = append(slopes, geometric(2*power, 8)[i])
	}
	return slopes
}

// ALiBiMPT is [ALiBi] as in MPT, with most (alibi_bias_max) in place of 8 in the exponent. If H is not a power
// of two, it uses the slopes for the next higher power: every other one, beginning with the second, and then
// those in between.
func ALiBiMPT(heads int, most float64) []float64 {
	if heads < 1 {
		return nil
	}
	power := 1 << bits.Len(uint(heads-1))
	slopes := geometric(power, most)
	if power == heads {
		return slopes
	}
	var first, between []float64
	for i, slope := range slopes {
		if i%2 == 1 {
			first = append(first, slope)
		} else {
			between = append(between, slope)
		}
	}
	return slices.Concat(first, between)[:heads]
}

// geometric returns 2^(−most·i/n) for i from 1 to n.
func geometric(n int, most float64) (all []float64) {
	for i := range n {
		all = append(all, math.Exp2(-most*float64(i+1)/float64(n)))
	}
	return all
}

// deductDistances subtracts slope·(t − u), with the slope of the head, from score [n, t, u] of scores (B·H, T,
// T).
func deductDistances(s *graph.Scope, scores *G.Node, slopes []float64) *G.Node {
	context := scores.Shape()[2]
	return s.Apply(graph.Op{
		Name:  "DeductDistances",
		Out:   scores.Shape(),
		FLOPs: 2 * size(scores.Shape()),
		Run: func(a *graph.Args) error {
			x, out := a.Floats(0), a.Out(0)
			for i, v := range x {
				t, u := i/context%context, i%context
				out[i] = v - float32(slopes[i/context/context%len(slopes)]*float64(t-u))
			}
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{grad} },
	}, scores)
}
