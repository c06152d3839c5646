package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// ComposedAttention is [Attention] written out in small operations: the starting point for a new kind of
// attention. All scores (B·H, T, T) are values of nodes, so it costs more memory and time.
func ComposedAttention(s *graph.Scope, q, k, v Heads, o AttentionOptions) *G.Node {
	t, failed := newAttention(s, "ComposedAttention", &q, &k, &v, &o)
	if failed != nil {
		return failed
	}
	if s.Cache() != nil {
		return s.Fail("ComposedAttention", t.shape(), "it has no cache for an incremental graph; use Attention there")
	}
	return WeighValues(s, AttentionWeights(s, q, k, o), v, q.Count, o) // (B·T, H·D)
}

// WeighValues is the part of [ComposedAttention] after [AttentionWeights]: it returns the values of v, weighted for each of
// the heads by weights (B·H, T, T), after dropout.
func WeighValues(s *graph.Scope, weights *G.Node, v Heads, heads int, o AttentionOptions) *G.Node {
	values := splitHeads(s, v, heads/v.Count)            // (B·H, T, D)
	weights = Dropout(s, weights, o.Dropout)             // (B·H, T, T)
	y := BatchedMatMul(s, weights, values, false, false) // (B·H, T, D)
	return MergeHeads(s, y, heads)                       // (B·T, H·D)
}

// AttentionWeights returns the weights (B·H, T, T) with which positions attend to each other in [Attention]
// with o, before dropout. Rows sum to 1, or to less with sinks.
func AttentionWeights(s *graph.Scope, q, k Heads, o AttentionOptions) *G.Node {
	t, failed := newAttention(s, "AttentionWeights", &q, &k, &k, &o)
	if failed != nil {
		return failed
	}
	queries := splitHeads(s, q, 1)                         // (B·H, T, D)
	keys := splitHeads(s, k, q.Count/k.Count)              // (B·H, T, D)
	scores := BatchedMatMul(s, queries, keys, false, true) // (B·H, T, T)
	scores = Scale(s, scores, o.scale(q.Size))             // (B·H, T, T)
	if o.SoftCap > 0 {
		scores = SoftCap(s, scores, o.SoftCap) // (B·H, T, T)
	}
	if o.Slopes != nil {
		scores = deductDistances(s, scores, o.Slopes) // (B·H, T, T)
	}
	scores = CausalMask(s, scores, o.Window) // (B·H, T, T)
	if o.Sinks == nil {
		return Softmax(s, scores) // (B·H, T, T)
	}
	n, context := scores.Shape()[0], t.context
	sinks := spread(s, o.Sinks, t.batch, context)   // (B·H·T, 1)
	scores = Reshape(s, scores, n*context, context) // (B·H·T, T)
	scores = Softmax(s, Concat(s, scores, sinks))   // (B·H·T, T+1)
	weights := Columns(s, scores, 0, context)       // (B·H·T, T)
	return Reshape(s, weights, n, context, context) // (B·H, T, T)
}

// spread returns v (H) repeated for every position of every sequence: (B·H·T, 1).
func spread(s *graph.Scope, v *G.Node, batch, context int) *G.Node {
	heads := v.Shape()[0]
	return s.Apply(graph.Op{
		Name: "Spread",
		Out:  tensor.Shape{batch * heads * context, 1},
		Run: func(a *graph.Args) error {
			for i := range a.Out(0) {
				a.Out(0)[i] = a.Floats(0)[i/context%heads]
			}
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name: "SpreadGrad",
				Out:  v.Shape(),
				Run: func(a *graph.Args) error {
					sums := make([]float64, heads)
					for i, d := range a.Floats(0) {
						sums[i/context%heads] += float64(d)
					}
					for h, sum := range sums {
						a.Out(0)[h] = float32(sum)
					}
					return nil
				},
			}, grad)}
		},
	}, v)
}
