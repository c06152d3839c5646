package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Linear maps x (N, K) to x·weight + bias (N, out), with a weight (K, out) as in GPT-2's files.
func Linear(s *graph.Scope, x *G.Node, out int, w Weights) *G.Node {
	x = s.Given("Linear", "x", x)
	if x.Dims() != 2 {
		return s.Fail("Linear", []int{1, out}, "x is %v; want (N, K)", x.Shape())
	}
	return s.Layer(x, tensor.Shape{x.Shape()[0], out}, func(s *graph.Scope, x *G.Node) *G.Node {
		weight := s.Param("weight", first(w.Init), dim(x, 1), out)
		var bias *G.Node
		if !w.NoBias {
			bias = s.Param("bias", graph.Zeros(), out)
		}
		return ops.Linear(s, x, weight, bias) // (N, out)
	})
}
