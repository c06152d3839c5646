package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// ComposedAttention is [Attention] written out in small operations: the place to start from for
// a new kind of attention. Every score is a node's value, (B·H, T, T) of them, so it costs more
// memory and time.
func ComposedAttention(s *graph.Scope, qkv *G.Node, heads int, o AttentionOptions) *G.Node {
	qkv = s.Given("ComposedAttention", "qkv", qkv)
	if s.Memory() != nil {
		return s.Fail("ComposedAttention", qkv.Shape(), "it keeps nothing for an incremental graph; use Attention there")
	}
	width := dim(qkv, 1) / 3
	v := SplitHeads(s, qkv, 2*width, heads, width/max(heads, 1))            // (B·H, T, D)
	weights := AttentionWeights(s, qkv, heads, o)                           // (B·H, T, T)
	weights = Dropout(s, weights, o.Dropout)                                // (B·H, T, T)
	return MergeHeads(s, BatchedMatMul(s, weights, v, false, false), heads) // (B·T, C)
}

// AttentionWeights is how much each position attends to each: of qkv (B·T, 3C), as in
// [Attention], it returns (B·H, T, T), whose rows sum to 1. It leaves out dropout.
func AttentionWeights(s *graph.Scope, qkv *G.Node, heads int, o AttentionOptions) *G.Node {
	qkv = s.Given("AttentionWeights", "qkv", qkv)
	if !isMatrix(qkv) || heads < 1 || qkv.Shape()[1]%(3*heads) != 0 {
		return s.Fail("AttentionWeights", []int{1, 1, 1}, "qkv is %v; want (B·T, 3C) of %d heads", qkv.Shape(), heads)
	}
	width := qkv.Shape()[1] / 3
	size := width / heads
	q := SplitHeads(s, qkv, 0, heads, size)            // (B·H, T, D)
	k := SplitHeads(s, qkv, width, heads, size)        // (B·H, T, D)
	scores := BatchedMatMul(s, q, k, false, true)      // (B·H, T, T)
	scores = Scale(s, scores, o.scale(size))           // (B·H, T, T)
	return Softmax(s, CausalMask(s, scores, o.Window)) // (B·H, T, T)
}
