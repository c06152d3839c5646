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
	// Window bounds how far a position looks back, itself included; 0 is no bound.
	Window int
	// Scale multiplies the scores; 0 stands for 1/√D of heads of D columns.
	Scale float64
	// SoftCap keeps the scores within ±SoftCap: z becomes SoftCap·tanh(z/SoftCap), as [SoftCap] has it
	// (Gemma 2: 50); 0 is none.
	SoftCap float64
	// Slopes, one a head of queries, take slope·distance from a score, after the cap: [ALiBi] in the place
	// of positions. nil is none.
	Slopes []float64
	// Sinks (H) are scores of nothing, one a head, which are not scaled or capped: they take part in the
	// softmax, so that the weights of a query sum to less than 1 (gpt-oss). nil is none.
	Sinks *G.Node
}

// scale is what scores of heads of size columns are multiplied by.
func (o AttentionOptions) scale(size int) float64 {
	if o.Scale == 0 {
		return 1 / math.Sqrt(float64(size))
	}
	return o.Scale
}

// check returns a placeholder of the shape of op's result if there is something wrong with o for so many
// heads of queries.
func (o AttentionOptions) check(s *graph.Scope, op string, shape tensor.Shape, heads int) *G.Node {
	switch {
	case o.Window < 0:
		return s.Fail(op, shape, "a window of %d is below 0", o.Window)
	case !finite(o.Scale):
		return s.Fail(op, shape, "a scale of %v; want a number, or 0 for that of the size of heads", o.Scale)
	case o.SoftCap != 0 && !isCap(o.SoftCap):
		return s.Fail(op, shape, "a soft-cap of %v; want one above 0, or 0 for none", o.SoftCap)
	case o.Slopes != nil && len(o.Slopes) != heads:
		return s.Fail(op, shape, "%d slopes; want one for each of %d heads of queries", len(o.Slopes), heads)
	case slices.ContainsFunc(o.Slopes, func(v float64) bool { return !finite(v) }):
		return s.Fail(op, shape, "slopes are %v; want numbers", o.Slopes)
	case !isVector(o.Sinks, heads):
		return s.Fail(op, shape, "sinks are %v; want (%d), one for each head of queries", o.Sinks.Shape(), heads)
	}
	return checkRate(s, op, shape, o.Dropout)
}

// variants are those of the kernel.
func (o AttentionOptions) variants() kernel.Variants {
	v := kernel.Variants{SoftCap: float32(o.SoftCap)}
	for _, slope := range o.Slopes {
		v.Slopes = append(v.Slopes, float32(slope))
	}
	return v
}

// Attention is causal multi-head self-attention (Vaswani et al. 2017, §3.2): position t of a
// sequence attends to the positions up to t of the same sequence. Scores are scaled by 1/√D of
// queries of D columns, or as o says. The result is (B·T, H·D) of H heads of queries and D columns
// of values.
//
// There may be fewer heads of keys and values than of queries, of which then several in a row
// share one (grouped queries, Ainslie et al. 2023). The three may be columns of one matrix, as
// [QKV] has them: it is read as it lies, and its gradient is one node.
//
// Scores are held for a tile of queries at a time; the gradient computes the weights
// again from the log-sum-exp of each query's scores (Dao et al. 2022, algorithm 4).
//
// In an incremental graph the rows are of the positions that follow those of the past: their
// keys and values are remembered, and dropout is left out.
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

// attention is what an op is of.
type attention struct {
	batch, context int
	qkv            [3]Heads
	nodes          G.Nodes // one if the three make it up, or else three
	sinks          *G.Node // or nil
}

// newAttention checks what op is given.
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
		return t, s.Fail(op, shape, "%d heads of %d columns of queries do not go with %d of %d of keys and %d of %d of values", q.Count, q.Size, k.Count, k.Size, v.Count, v.Size)
	}
	t.qkv = [3]Heads{*q, *k, *v}
	for i, h := range t.qkv {
		if split := s.Layout(h.In).Sections != nil; split != (s.Layout(q.In).Sections != nil) || s.Layout(h.In).Entered {
			return t, s.Fail(op, shape, "%s is %v, q %v; want heads that are shared out over ranks alike, or none", names[i], s.Layout(h.In), s.Layout(q.In))
		}
	}
	t.nodes, t.sinks = G.Nodes{q.In, k.In, v.In}, o.Sinks
	if fill(t.qkv) {
		t.nodes = t.nodes[:1]
	}
	return t, o.check(s, op, shape, q.Count)
}

// fill tells whether the three are one node and cover its columns, each once.
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

// inputs are the nodes, then what the op has for itself, then the sinks, as far as there are any.
func (t *attention) inputs(own ...*G.Node) G.Nodes {
	return some(slices.Concat(t.nodes, own, G.Nodes{t.sinks})...)
}

// views are the three in the values of their nodes, and the sinks, if any, in those of the node with
// the number given.
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

// layout is the result's: some heads, if the queries are.
func (t *attention) layout(s *graph.Scope) graph.Layout {
	if s.Layout(t.qkv[0].In).Sections == nil {
		return graph.Layout{}
	}
	return graph.Cut(1, t.shape()[1]*s.Ranks().Size())
}

// shape is the result's.
func (t *attention) shape() tensor.Shape {
	return tensor.Shape{t.batch * t.context, t.qkv[0].Count * t.qkv[2].Size}
}

// cost is the operations of so many products with keys and so many with values, if a query and a
// position that it sees meet so many times in a sequence.
func (t *attention) cost(keys, values int, pairs float64) int64 {
	columns := keys*t.qkv[0].width() + values*t.shape()[1]
	return int64(2 * float64(t.batch) * pairs * float64(columns))
}

// pairs counts the positions that those of a sequence see. Without a window it is half of the
// square, by custom, which leaves out half of the diagonal. In a window position t sees t+1, or
// as many of these as the window has.
func pairs(context, window int) float64 {
	all, w := float64(context), float64(window)
	if window == 0 || window >= context {
		return all * all / 2
	}
	return min(w*(w+1)/2+(all-w)*w, all*all/2)
}

// whole is the op over whole sequences. In its products, the masked half is skipped.
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
							clear(a.Out(i)) // other columns have no part in it
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

// attentionName tells, of whole sequences, whether a window hides something of so many positions.
func attentionName(window, positions int) string {
	if window > 0 && window < positions {
		return "BandedAttention"
	}
	return "Attention"
}

// cached is the op over the positions that follow those of the past.
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
		// As if all had been filled: what a run costs depends on the past.
		FLOPs: t.cost(1, 1, float64(t.context*rows)),
		Run: func(a *graph.Args) error {
			return att.Forward(a.Out(0), keys(), values(), t.views(a.Floats, n+1), a.Ints(n), s.Cache().Counts())
		},
	}, t.inputs(s.Past())...)
}
