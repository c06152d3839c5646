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
// Scale, Window and Composed. It exposes its weights (B·H, T, T), before dropout, to
// graph.Watch("….weights"). In an incremental graph it remembers keys and values.
func Attention(s *graph.Scope, x *G.Node, heads, context int, given ...Option) *G.Node {
	if resolve(given).composed {
		return ComposedAttention(s, x, heads, context, given...)
	}
	return attention(s, x, heads, context, given, func(s *graph.Scope, qkv *G.Node, o options) *G.Node {
		with := ops.AttentionOptions{Dropout: o.dropout, Window: o.window, Scale: o.scale}
		if s.Memory() != nil {
			return ops.CachedAttention(s, qkv, heads, with) // (B·T, C)
		}
		return ops.Attention(s, qkv, heads, context, with) // (B·T, C)
	})
}

// ComposedAttention is Attention written out in small operations: the place to
// start from for a new kind of attention. Every score is a node's value, (B·H, T, T)
// of them, so it costs more memory and time.
func ComposedAttention(s *graph.Scope, x *G.Node, heads, context int, given ...Option) *G.Node {
	x = s.Given("ComposedAttention", "x", x)
	if s.Memory() != nil {
		return s.Fail("ComposedAttention", x.Shape(), "it keeps nothing for an incremental graph; use Attention there")
	}
	return attention(s, x, heads, context, given, func(s *graph.Scope, qkv *G.Node, o options) *G.Node {
		if !fits(qkv, heads) {
			return s.Fail("ComposedAttention", x.Shape(), "width %d is not a multiple of %d heads", qkv.Shape()[1]/3, heads)
		}
		width := qkv.Shape()[1] / 3
		v := ops.SplitHeads(s, qkv, 2*width, heads, width/heads, context)               // (B·H, T, D)
		weights := AttentionWeights(s, qkv, heads, context, o.window, Scale(o.scale))   // (B·H, T, T)
		weights = ops.Dropout(s, weights, o.dropout)                                    // (B·H, T, T)
		return ops.MergeHeads(s, ops.BatchedMatMul(s, weights, v, false, false), heads) // (B·T, C)
	})
}

// AttentionWeights is how much each position attends to each: of qkv (B·T, 3C), which
// holds queries, keys and values side by side, it returns (B·H, T, T), whose rows sum to
// 1. window bounds how far a position looks back; 0 is no bound. It heeds Scale.
func AttentionWeights(s *graph.Scope, qkv *G.Node, heads, context, window int, given ...Option) *G.Node {
	qkv = s.Given("AttentionWeights", "qkv", qkv)
	if qkv.Dims() != 2 || !fits(qkv, heads) {
		return s.Fail("AttentionWeights", []int{1, 1, 1}, "qkv is %v; want (B·T, 3C) of %d heads", qkv.Shape(), heads)
	}
	width := qkv.Shape()[1] / 3
	size := width / heads
	scale := resolve(given).scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(size))
	}
	q := ops.SplitHeads(s, qkv, 0, heads, size, context)     // (B·H, T, D)
	k := ops.SplitHeads(s, qkv, width, heads, size, context) // (B·H, T, D)
	scores := ops.BatchedMatMul(s, q, k, false, true)        // (B·H, T, T)
	scores = ops.Scale(s, scores, scale)                     // (B·H, T, T)
	return ops.Softmax(s, ops.CausalMask(s, scores, window)) // (B·H, T, T)
}

// fits tells whether the width C of qkv (B·T, 3C) is a multiple of heads.
func fits(qkv *G.Node, heads int) bool {
	return heads > 0 && qkv.Shape()[1]%(3*heads) == 0
}

// attention wraps what the two have in common, the projections, around the core.
func attention(s *graph.Scope, x *G.Node, heads, context int, given []Option, core func(s *graph.Scope, qkv *G.Node, o options) *G.Node) *G.Node {
	x = s.Given("Attention", "x", x)
	o := resolve(given)
	if x.Dims() != 2 {
		return s.Fail("Attention", x.Shape(), "x is %v; want (B·T, C)", x.Shape())
	}
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		width := dim(x, 1)
		qkv := Linear(s.At("c_attn"), x, 3*width, given...) // (B·T, 3C)
		s.Expose("weights", func(s *graph.Scope) *G.Node {
			return AttentionWeights(s, qkv, heads, context, o.window, Scale(o.scale)) // (B·H, T, T)
		})
		y := core(s, qkv, o)                                                    // (B·T, C)
		return Linear(s.At("c_proj"), y, width, Init(o.residual), Bias(o.bias)) // (B·T, C)
	})
}
