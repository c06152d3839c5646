package ops

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// ComposedAttention is [Attention] written out in small operations: the place to start from for
// a new kind of attention. Every score is a node's value, (B·H, T, T) of them, so it costs more
// memory and time.
func ComposedAttention(s *graph.Scope, q, k, v Heads, o AttentionOptions) *G.Node {
	t, failed := newAttention(s, "ComposedAttention", &q, &k, &v, o)
	if failed != nil {
		return failed
	}
	if s.Cache() != nil {
		return s.Fail("ComposedAttention", t.shape(), "it keeps nothing for an incremental graph; use Attention there")
	}
	values := splitHeads(s, v, q.Count/v.Count)          // (B·H, T, D)
	weights := AttentionWeights(s, q, k, o)              // (B·H, T, T)
	weights = Dropout(s, weights, o.Dropout)             // (B·H, T, T)
	y := BatchedMatMul(s, weights, values, false, false) // (B·H, T, D)
	return MergeHeads(s, y, q.Count)                     // (B·T, H·D)
}

// AttentionWeights is how much each position attends to each in [Attention] with o, but for
// dropout: (B·H, T, T), whose rows sum to 1.
func AttentionWeights(s *graph.Scope, q, k Heads, o AttentionOptions) *G.Node {
	if _, failed := newAttention(s, "AttentionWeights", &q, &k, &k, o); failed != nil {
		return failed
	}
	queries := splitHeads(s, q, 1)                         // (B·H, T, D)
	keys := splitHeads(s, k, q.Count/k.Count)              // (B·H, T, D)
	scores := BatchedMatMul(s, queries, keys, false, true) // (B·H, T, T)
	scores = Scale(s, scores, o.scale(q.Size))             // (B·H, T, T)
	return Softmax(s, CausalMask(s, scores, o.Window))     // (B·H, T, T)
}
