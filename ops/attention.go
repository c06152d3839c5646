package ops

import (
	"math"

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
}

// scale is what scores of heads of size columns are multiplied by.
func (o AttentionOptions) scale(size int) float64 {
	if o.Scale == 0 {
		return 1 / math.Sqrt(float64(size))
	}
	return o.Scale
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
	t, failed := newAttention(s, "Attention", &q, &k, &v, o)
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
	nodes          G.Nodes // the inputs: one if the three make it up, or else three
}

// newAttention checks what op is given.
func newAttention(s *graph.Scope, op string, q, k, v *Heads, o AttentionOptions) (t attention, failed *G.Node) {
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
	switch {
	case k.Count != v.Count || q.Count%k.Count != 0 || q.Size != k.Size:
		return t, s.Fail(op, shape, "%d heads of %d columns of queries do not go with %d of %d of keys and %d of %d of values", q.Count, q.Size, k.Count, k.Size, v.Count, v.Size)
	case o.Window < 0:
		return t, s.Fail(op, shape, "a window of %d is below 0", o.Window)
	}
	t.qkv = [3]Heads{*q, *k, *v}
	t.nodes = G.Nodes{q.In, k.In, v.In}
	if fill(t.qkv) {
		t.nodes = t.nodes[:1]
	}
	return t, checkRate(s, op, shape, o.Dropout)
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

// views are the three in the values of their nodes.
func (t *attention) views(values func(node int) []float32) kernel.QKV {
	var heads [3]kernel.Heads
	for i, h := range t.qkv {
		heads[i] = kernel.Heads{Data: values(min(i, len(t.nodes)-1))[h.First:], Stride: h.In.Shape()[1], Size: h.Size}
	}
	return kernel.QKV{Q: heads[0], K: heads[1], V: heads[2]}
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
	if !s.Training() {
		o.Dropout = 0
	}
	stream := s.Stream("attention dropout")
	mask := func(a *graph.Args) kernel.Mask {
		seed, step := a.Random()
		return kernel.NewMask(o.Dropout, seed, step, stream)
	}
	att := &kernel.Attention{
		Batch: t.batch, Context: t.context, Heads: t.qkv[0].Count, KVHeads: t.qkv[1].Count,
		Scale: float32(o.scale(t.qkv[0].Size)), Window: min(o.Window, t.context),
	}
	return s.Apply(graph.Op{
		Name:  "Attention",
		Out:   t.shape(),
		FLOPs: t.cost(1, 1, pairs(t.context, o.Window)),
		Saves: []tensor.Shape{{att.StatsSize()}},
		Run: func(a *graph.Args) error {
			att.Forward(a.Out(0), a.Save(0), t.views(a.Floats), mask(a))
			return nil
		},
		Grad: func(in G.Nodes, out, grad *G.Node) G.Nodes {
			op := graph.Op{
				Name:  "AttentionGrad",
				Of:    out,
				Out:   in[0].Shape(),
				FLOPs: t.cost(3, 2, pairs(t.context, o.Window)),
				Run: func(a *graph.Args) error {
					for i, n := range in {
						if len(in) > 1 && t.qkv[i].width() < n.Shape()[1] {
							clear(a.Out(i)) // other columns have no part in it
						}
					}
					att.Backward(t.views(a.Out), a.Floats(len(in)), t.views(a.Floats), a.Floats(len(in)+1), a.Saved(0), mask(a))
					return nil
				},
			}
			for _, n := range in[1:] {
				op.Extra = append(op.Extra, n.Shape())
			}
			return s.ApplyAll(op, append(in[:len(in):len(in)], grad, out)...)
		},
	}, t.nodes...)
}

// cached is the op over the positions that follow those of the past.
func (t *attention) cached(s *graph.Scope, o AttentionOptions) *G.Node {
	keys, rows := s.RememberLast("keys", t.qkv[1].width(), o.Window)
	values, _ := s.RememberLast("values", t.qkv[2].width(), o.Window)
	att := &kernel.CachedAttention{
		Batch: t.batch, New: t.context, Capacity: s.Cache().Capacity(), Heads: t.qkv[0].Count, KVHeads: t.qkv[1].Count,
		Scale: float32(o.scale(t.qkv[0].Size)), Window: o.Window, Seamless: s.Seamless(),
	}
	return s.Apply(graph.Op{
		Name:    "Attention",
		RowWise: len(t.nodes),
		Out:     t.shape(),
		// As if all had been filled: what a run costs depends on the past.
		FLOPs: t.cost(1, 1, float64(t.context*rows)),
		Run: func(a *graph.Args) error {
			return att.Forward(a.Out(0), keys(), values(), t.views(a.Floats), a.Ints(len(t.nodes)), s.Cache().Counts())
		},
	}, append(t.nodes[:len(t.nodes):len(t.nodes)], s.Past())...)
}
