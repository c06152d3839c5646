package layers

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Attention is causal multi-head self-attention over x (B·T, C) with sequences of
// context positions: c_attn projects to queries, keys and values, c_proj mixes the
// heads' results. It heeds Init, ResidualInit (for c_proj), Bias, AttentionDropout,
// Window and Composed.
func Attention(s *graph.Scope, x *G.Node, heads, context int, given ...Option) *G.Node {
	if resolve(given).composed {
		return ComposedAttention(s, x, heads, context, given...)
	}
	return attention(s, x, given, func(qkv *G.Node, o options) *G.Node {
		return ops.Attention(s, qkv, heads, context, ops.AttentionOptions{Dropout: o.dropout, Window: o.window}) // (B·T, C)
	})
}

// ComposedAttention is Attention written out in small operations: the place to
// start from for a new kind of attention. Every score is a node's value, (B·H, T, T)
// of them, so it costs more memory and time.
func ComposedAttention(s *graph.Scope, x *G.Node, heads, context int, given ...Option) *G.Node {
	return attention(s, x, given, func(qkv *G.Node, o options) *G.Node {
		width := qkv.Shape()[1] / 3
		if heads < 1 || width%heads != 0 {
			return s.Fail("ComposedAttention", x.Shape(), "width %d is not a multiple of %d heads", width, heads)
		}
		size := width / heads
		q := ops.SplitHeads(s, qkv, 0, heads, size, context)                            // (B·H, T, D)
		k := ops.SplitHeads(s, qkv, width, heads, size, context)                        // (B·H, T, D)
		v := ops.SplitHeads(s, qkv, 2*width, heads, size, context)                      // (B·H, T, D)
		scores := ops.BatchedMatMul(s, q, k, false, true)                               // (B·H, T, T)
		scores = ops.Scale(s, scores, 1/math.Sqrt(float64(size)))                       // (B·H, T, T)
		weights := ops.Softmax(s, ops.CausalMask(s, scores, o.window))                  // (B·H, T, T)
		weights = ops.Dropout(s, weights, o.dropout)                                    // (B·H, T, T)
		return ops.MergeHeads(s, ops.BatchedMatMul(s, weights, v, false, false), heads) // (B·T, C)
	})
}

// attention wraps what the two have in common, the projections, around the core.
func attention(s *graph.Scope, x *G.Node, given []Option, core func(qkv *G.Node, o options) *G.Node) *G.Node {
	o := resolve(given)
	if x.Dims() != 2 {
		return s.Fail("Attention", x.Shape(), "x is %v; want (B·T, C)", x.Shape())
	}
	width := x.Shape()[1]
	qkv := Linear(s.At("c_attn"), x, 3*width, given...)                     // (B·T, 3C)
	y := core(qkv, o)                                                       // (B·T, C)
	return Linear(s.At("c_proj"), y, width, Init(o.residual), Bias(o.bias)) // (B·T, C)
}
