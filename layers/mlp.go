package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Activation is an element-wise function: [ops.GELU], [ops.GELUErf], [ops.ReLU], [ops.SquaredReLU], [ops.SiLU],
// [ops.QuickGELU], or a custom one.
type Activation func(s *graph.Scope, x *G.Node) *G.Node

// MLP is the feed-forward part of a block: c_fc widens x (N, C) to hidden columns, the activation is applied,
// and c_proj projects back to C columns.
func MLP(s *graph.Scope, x *G.Node, hidden int, f Activation, w BranchWeights) *G.Node {
	return feedForward(s, "MLP", x, f, func(s *graph.Scope, x *G.Node) *G.Node {
		h := Linear(s.At("c_fc"), ops.Enter(s, x), hidden, w.inner()) // (N, hidden)
		h = s.At("act").Layer(h, h.Shape(), f)                        // (N, hidden)
		return Linear(s.At("c_proj"), h, dim(x, 1), w.last())         // (N, C)
	})
}

// GatedMLP is the feed-forward part of Llama's blocks: gate_proj and up_proj each widen x (N, C) to hidden
// columns, the activation of the first multiplies the second, and down_proj projects back to C columns. With
// [ops.SiLU] it is SwiGLU, with [ops.GELU] GEGLU (Shazeer 2020). Weights are (out, in).
func GatedMLP(s *graph.Scope, x *G.Node, hidden int, f Activation, w BranchWeights) *G.Node {
	return feedForward(s, "GatedMLP", x, f, func(s *graph.Scope, x *G.Node) *G.Node {
		x = ops.Enter(s, x)                                     // (N, C)
		gate := Dense(s.At("gate_proj"), x, hidden, w.inner())  // (N, hidden)
		gate = s.At("act").Layer(gate, gate.Shape(), f)         // (N, hidden)
		up := Dense(s.At("up_proj"), x, hidden, w.inner())      // (N, hidden)
		h := ops.Mul(s, gate, up)                               // (N, hidden)
		return Dense(s.At("down_proj"), h, dim(x, 1), w.last()) // (N, C)
	})
}

// feedForward checks the inputs of the constructor called name and declares the layer.
func feedForward(s *graph.Scope, name string, x *G.Node, f Activation, declare func(s *graph.Scope, x *G.Node) *G.Node) *G.Node {
	x = s.Require(name, "x", x)
	if x.Dims() != 2 {
		return s.Fail(name, x.Shape(), "x is %v; want (N, C)", x.Shape())
	}
	if f == nil {
		return s.Fail(name, x.Shape(), "the activation is nil; want a function")
	}
	return s.Layer(x, x.Shape(), declare)
}
