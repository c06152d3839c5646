package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Linear maps x (N, K) to x·weight + bias (N, out), with a weight (K, out) as in GPT-2's files.
func Linear(s *graph.Scope, x *G.Node, out int, w Weights) *G.Node {
	return linear(s, "Linear", ops.Linear, x, out, w, func(in int) []int { return []int{in, out} })
}

// Dense is [Linear] with a weight (out, K), as in PyTorch's nn.Linear and in Llama's files.
func Dense(s *graph.Scope, x *G.Node, out int, w Weights) *G.Node {
	return linear(s, "Dense", ops.Dense, x, out, w, func(in int) []int { return []int{out, in} })
}

// linear is the layer called name, of a weight of the given shape.
func linear(s *graph.Scope, name string, op func(s *graph.Scope, x, w, bias *G.Node) *G.Node, x *G.Node, out int, w Weights, shape func(in int) []int) *G.Node {
	x = s.Require(name, "x", x)
	if x.Dims() != 2 {
		return s.Fail(name, []int{1, out}, "x is %v; want (N, K)", x.Shape())
	}
	return s.Layer(x, tensor.Shape{x.Shape()[0], out}, func(s *graph.Scope, x *G.Node) *G.Node {
		weight := s.Param("weight", first(w.Init), shape(dim(x, 1))...)
		var bias *G.Node
		if !w.NoBias {
			bias = s.Param("bias", graph.Zeros(), out)
		}
		return op(s, x, weight, bias) // (N, out)
	})
}
