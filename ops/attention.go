package ops

import (
	"math"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// AttentionOptions are the variants of [Attention].
type AttentionOptions struct {
	// Dropout is the probability with which an attention weight is dropped after
	// the softmax, in training graphs.
	Dropout float64
	// Window bounds how far back a position looks, including itself; 0 means no bound.
	Window int
	// Scale multiplies the scores; 0 means 1/√D for heads of D columns.
	Scale float64
	// SoftCap bounds the scores to ±SoftCap: z becomes SoftCap·tanh(z/SoftCap), see [SoftCap] (Gemma 2: 50); 0
	// means no bound.
	SoftCap float64
	// Slopes, one for each query head, subtract slope·distance from a score, after the cap: [ALiBi] instead of
	// positions. nil means none.
	Slopes []float64
	// Sinks (H) holds one extra score for each query head, which belongs to no position and is neither scaled
	// nor capped. It takes part in the softmax, so that the weights of a query sum to less than 1 (gpt-oss).
	// nil means none.
	Sinks *G.Node
}

// scale returns the factor for the scores of heads of size columns.
func (o AttentionOptions) scale(size int) float64 {
	if o.Scale == 0 {
		return 1 / math.Sqrt(float64(size))
	}
	return o.Scale
}

// check returns a placeholder with the shape of op's result if o is invalid for the given number of query
// heads.
func (o AttentionOptions) check(s *graph.Scope, op string, shape tensor.Shape, heads int) *G.Node {
	switch {
	case o.Window < 0:
		return s.Fail(op, shape, "a window of %d is below 0", o.Window)
	case !finite(o.Scale):
		return s.Fail(op, shape, "a scale of %v; want a finite number, or 0 for the default, from the head size", o.Scale)
	case o.SoftCap != 0 && !isCap(o.SoftCap):
		return s.Fail(op, shape, "a soft-cap of %v; want one above 0, or 0 for none", o.SoftCap)
	case o.Slopes != nil && len(o.Slopes) != heads:
		return s.Fail(op, shape, "%d slopes; want one for each of %d heads of queries", len(o.Slopes), heads)
	case slices.ContainsFunc(o.Slopes, func(v float64) bool { return !finite(v) }):
		return s.Fail(op, shape, "slopes are %v; want finite numbers", o.Slopes)
	case !isVector(o.Sinks, heads):
		return s.Fail(op, shape, "sinks are %v; want (%d), one for each head of queries", o.Sinks.Shape(), heads)
	}
	return checkRate(s, op, shape, o.Dropout)
}

// variants returns the kernel's form of the options.
func (o AttentionOptions) variants() kernel.Variants {
	v := kernel.Variants{SoftCap: float32(o.SoftCap)}
	for _, slope := range o.Slopes {
		v.Slopes = append(v.Slopes, float32(slope))
	}
	return v
}

// Attention is causal multi-head self-attention (Vaswani et al. 2017, §3.2): position t of a sequence attends
// to the positions up to t of the same sequence. Scores are scaled by 1/√D for queries of D columns, unless o
// says otherwise. The result is (B·T, H·D) for H query heads and values of D columns.
//
// There may be fewer heads of keys and values than of queries; then several consecutive query heads share one
// (grouped queries, Ainslie et al. 2023). Queries, keys and values may be columns of one matrix, as from [QKV]:
// the matrix is read in place, and its gradient is a single node.
//
// Scores are held for a tile of queries at a time; the gradient recomputes the weights from the log-sum-exp of
// each query's scores (Dao et al. 2022, algorithm 4).
//
// In an incremental graph the rows are the positions that follow the past: keys and values are cached, and
// dropout is left out.
func Attention(s *graph.Scope, q, k, v Heads, o AttentionOptions) *G.Node {
	t, failed := newAttention(s, "Attention", &q, &k, &v, &o)
	switch {
	case failed != nil:
		return failed
	case s.Cache() != nil:
		return t.cached(s, o)
	}
	return t.whole(s, o)
}

// attention holds what an attention op operates on.
type attention struct {
	batch, context int
	qkv            [3]Heads
	nodes          G.Nodes // one if it consists of exactly the three, else three
	sinks          *G.Node // or nil
}

// newAttention checks the inputs of op.
func newAttention(s *graph.Scope, op string, q, k, v *Heads, o *AttentionOptions) (t attention, failed *G.Node) {
	parts, names := []*Heads{q, k, v}, []string{"q", "k", "v"}
	for i, h := range parts {
		h.In = s.Require(op, names[i], h.In)
	}
	shape := tensor.Shape{dim(q.In, 0), q.Count * v.Size}
	for i, h := range parts {
		if failed = h.check(s, op, names[i], shape); failed != nil {
			return t, failed
		}
		if t.batch, t.context, failed = sequences(s, op, shape, h.In); failed != nil {
			return t, failed
		}
	}
	if o.Sinks != nil {
		o.Sinks = s.Require(op, "sinks", o.Sinks)
	}
	if k.Count != v.Count || q.Count%k.Count != 0 || q.Size != k.Size {
		return t, s.Fail(op, shape, "%d query heads of %d columns do not match %d key heads of %d and %d value heads of %d", q.Count, q.Size, k.Count, k.Size, v.Count, v.Size)
	}
	t.qkv = [3]Heads{*q, *k, *v}
	for i, h := range t.qkv {
		if split := s.Layout(h.In).Sections != nil; split != (s.Layout(q.In).Sections != nil) || s.Layout(h.In).Entered {
			return t, s.Fail(op, shape, "%s is %v, q %v; want all of them divided over ranks in the same way, or none", names[i], s.Layout(h.In), s.Layout(q.In))
		}
	}
	t.nodes, t.sinks = G.Nodes{q.In, k.In, v.In}, o.Sinks
	if fill(t.qkv) {
		t.nodes = t.nodes[:1]
	}
	return t, o.check(s, op, shape, q.Count)
}

// fill reports whether the three are in one node and cover each of its columns exactly once.
func fill(qkv [3]Heads) bool {
	covered := 0
	for i, h := range qkv {
		covered += h.width()
		for _, other := range qkv[:i] {
			if h.In != other.In || h.First < other.First+other.width() && other.First < h.First+h.width() {
				return false
			}
		}
	}
	return covered == qkv[0].In.Shape()[1]
}

// inputs returns the nodes of queries, keys and values, then the op's own inputs, then the sinks if there are
// any.
func (t *attention) inputs(own ...*G.Node) G.Nodes {
	return some(slices.Concat(t.nodes, own, G.Nodes{t.sinks})...)
}

// views returns queries, keys and values as parts of the values of their nodes. The sinks, if there are any,
// are the values of the node with the number sinks.
func (t *attention) views(values func(node int) []float32, sinks int) kernel.QKV {
	var heads [3]kernel.Heads
	for i, h := range t.qkv {
		heads[i] = kernel.Heads{Data: values(min(i, len(t.nodes)-1))[h.First:], Stride: h.In.Shape()[1], Size: h.Size}
	}
	x := kernel.QKV{Q: heads[0], K: heads[1], V: heads[2]}
	if t.sinks != nil {
		x.Sinks = values(sinks)
	}
	return x
}

// layout returns the layout of the result: a rank's part of the heads if the queries are one.
func (t *attention) layout(s *graph.Scope) graph.Layout {
	if s.Layout(t.qkv[0].In).Sections == nil {
		return graph.Layout{}
	}
	return graph.Cut(1, t.shape()[1]*s.Ranks().Size())
}

// shape returns the shape of the result.
func (t *attention) shape() tensor.Shape {
	return tensor.Shape{t.batch * t.context, t.qkv[0].Count * t.qkv[2].Size}
}

// cost returns the number of operations of the given numbers of products with keys and with values; pairs is
// the number of pairs of a query and a position that it sees, per sequence.
func (t *attention) cost(keys, values int, pairs float64) int64 {
	columns := keys*t.qkv[0].width() + values*t.shape()[1]
	return int64(2 * float64(t.batch) * pairs * float64(columns))
}

// pairs counts the pairs of a position of a sequence and a position that it sees. Without a window this is, by
// convention, half of the square, which leaves out half of the diagonal. With a window, position t sees t+1
// positions, up to the size of the window.
func pairs(context, window int) float64 {
	all, w := float64(context), float64(window)
	if window == 0 || window >= context {
		return all * all / 2
	}
	return min(w*(w+1)/2+(all-w)*w, all*all/2)
}

// whole declares the op over whole sequences. Its products skip the masked half.
func (t *attention) whole(s *graph.Scope, o AttentionOptions) *G.Node {
	if !s.Drops() {
		o.Dropout = 0
	}
	stream := s.Stream("attention dropout")
	mask := func(a *graph.Args) kernel.Mask {
		seed, step := a.Random()
		return kernel.NewMask(o.Dropout, seed, step, stream)
	}
	att := &kernel.Attention{
		Batch: t.batch, Context: t.context, Heads: t.qkv[0].Count, KVHeads: t.qkv[1].Count,
		Scale: float32(o.scale(t.qkv[0].Size)), Window: min(o.Window, t.context), Precision: s.Precision(), Variants: o.variants(),
	}
	layout := t.layout(s)
	if layout.Sections != nil {
		att.Of = att.Heads * s.Ranks().Size()
		att.From = att.Heads * s.Ranks().Rank()
	}
	n := len(t.nodes)
	return s.Apply(graph.Op{
		Name:   attentionName(o.Window, t.context),
		Out:    t.shape(),
		Layout: &layout,
		FLOPs:  t.cost(1, 1, pairs(t.context, o.Window)),
		Saves:  []tensor.Shape{{att.StatsSize()}},
		Run: func(a *graph.Args) error {
			att.Forward(a.Out(0), a.Save(0), t.views(a.Floats, n), mask(a))
			return nil
		},
		Grad: func(in G.Nodes, out, grad *G.Node) G.Nodes {
			op := graph.Op{
				Name:  attentionName(o.Window, t.context) + "Grad",
				Of:    out,
				Out:   in[0].Shape(),
				FLOPs: t.cost(3, 2, pairs(t.context, o.Window)),
				Run: func(a *graph.Args) error {
					for i, m := range in[:n] {
						if n > 1 && t.qkv[i].width() < m.Shape()[1] {
							clear(a.Out(i)) // the other columns get no gradient from this op
						}
					}
					att.Backward(t.views(a.Out, n), a.Floats(len(in)), t.views(a.Floats, n), a.Floats(len(in)+1), a.Saved(0), mask(a))
					return nil
				},
			}
			for _, n := range in[1:] {
				op.Extra = append(op.Extra, n.Shape())
			}
			return s.ApplyAll(op, append(in[:len(in):len(in)], grad, out)...)
		},
	}, t.inputs()...)
}

// attentionName returns the name of the op over whole sequences, by whether the window hides any of the
// positions.
func attentionName(window, positions int) string {
	if window > 0 && window < positions {
		return "BandedAttention"
	}
	return "Attention"
}

// cached declares the op over positions that follow those in the cache.
func (t *attention) cached(s *graph.Scope, o AttentionOptions) *G.Node {
	keys, rows := s.RememberLast("keys", t.qkv[1].width(), o.Window)
	values, _ := s.RememberLast("values", t.qkv[2].width(), o.Window)
	att := &kernel.CachedAttention{
		Batch: t.batch, New: t.context, Capacity: s.Cache().Capacity(), Heads: t.qkv[0].Count, KVHeads: t.qkv[1].Count,
		Scale: float32(o.scale(t.qkv[0].Size)), Window: o.Window, Precision: s.Precision(), Seamless: s.Seamless(), Variants: o.variants(),
	}
	n, layout := len(t.nodes), t.layout(s)
	return s.Apply(graph.Op{
		Name:    "Attention",
		RowWise: n,
		Out:     t.shape(),
		Layout:  &layout,
		// Counted as if the cache were full: what a run really costs depends on the past.
		FLOPs: t.cost(1, 1, float64(t.context*rows)),
		Run: func(a *graph.Args) error {
			return att.Forward(a.Out(0), keys(), values(), t.views(a.Floats, n+1), a.Ints(n), s.Cache().Counts())
		},
	}, t.inputs(s.Past())...)
}
