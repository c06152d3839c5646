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

// Attention is causal multi-head self-attention (Vaswani et al. 2017, §3.2): position
// t of a sequence attends to the positions up to t of the same sequence. qkv
// (B·T, 3C) holds queries, keys and values side by side, in each the heads of C/H
// columns; scores are scaled by 1/√(C/H), or as o says. The result is (B·T, C).
//
// Scores are held for a tile of queries at a time; the gradient computes the weights
// again from the log-sum-exp of each query's scores (Dao et al. 2022, algorithm 4).
//
// In an incremental graph, qkv is of the positions that follow those of the past: their keys
// and values are remembered, and dropout is left out.
func Attention(s *graph.Scope, qkv *G.Node, heads int, o AttentionOptions) *G.Node {
	qkv = s.Given("Attention", "qkv", qkv)
	shape := tensor.Shape{dim(qkv, 0), max(dim(qkv, 1)/3, 1)}
	if !isMatrix(qkv) || qkv.Shape()[1]%3 != 0 {
		return s.Fail("Attention", shape, "qkv is %v; want (B·T, 3C)", qkv.Shape())
	}
	if heads < 1 || shape[1]%heads != 0 {
		return s.Fail("Attention", shape, "width %d is not a multiple of %d heads; qkv is %v", shape[1], heads, qkv.Shape())
	}
	if o.Window < 0 {
		return s.Fail("Attention", shape, "a window of %d is below 0", o.Window)
	}
	if failed := checkRate(s, "Attention", shape, o.Dropout); failed != nil {
		return failed
	}
	batch, context, failed := sequences(s, "Attention", shape, qkv)
	if failed != nil {
		return failed
	}
	if s.Memory() != nil {
		return cachedAttention(s, qkv, batch, heads, o)
	}
	return attention(s, qkv, &kernel.Attention{
		Batch: batch, Context: context, Heads: heads, Size: shape[1] / heads,
		Scale:  float32(o.scale(shape[1] / heads)),
		Window: o.Window,
	}, o.Dropout)
}

// attention is the op over whole sequences.
func attention(s *graph.Scope, qkv *G.Node, att *kernel.Attention, dropout float64) *G.Node {
	if !s.Training() {
		dropout = 0
	}
	stream := s.Stream("attention dropout")
	mask := func(a *graph.Args) kernel.Mask {
		seed, step := a.Random()
		return kernel.NewMask(dropout, seed, step, stream)
	}
	var stats []float32 // of the last forward run
	// Two products, of which the masked half is skipped.
	cost := 2 * int64(att.Context) * size(qkv.Shape()) / 3
	return s.Apply(graph.Op{
		Name:  "Attention",
		Out:   tensor.Shape{qkv.Shape()[0], qkv.Shape()[1] / 3},
		FLOPs: cost,
		Run: func(a *graph.Args) error {
			if stats == nil {
				stats = make([]float32, att.StatsSize())
			}
			att.Forward(a.Out(0), stats, a.Floats(0), mask(a))
			return nil
		},
		// out is among the inputs: its values are read, and stats are of its run.
		Grad: func(in G.Nodes, out, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name:  "AttentionGrad",
				Out:   qkv.Shape(),
				FLOPs: 5 * cost / 2,
				Run: func(a *graph.Args) error {
					att.Backward(a.Out(0), a.Floats(1), a.Floats(0), a.Floats(2), stats, mask(a))
					return nil
				},
			}, in[0], grad, out)}
		},
	}, qkv)
}

// cachedAttention is the op over the positions that follow those of the past.
func cachedAttention(s *graph.Scope, qkv *G.Node, batch, heads int, o AttentionOptions) *G.Node {
	rows, width, m := qkv.Shape()[0], qkv.Shape()[1]/3, s.Memory()
	keys, values := s.Remember("keys", width), s.Remember("values", width)
	att := &kernel.CachedAttention{
		Batch: batch, New: rows / batch, Capacity: m.Capacity(), Heads: heads, Size: width / heads,
		Scale:  float32(o.scale(width / heads)),
		Window: o.Window,
	}
	return s.Apply(graph.Op{
		Name:    "Attention",
		RowWise: 1,
		Out:     tensor.Shape{rows, width},
		// As if all had been filled: what a run costs depends on the past.
		FLOPs: 4 * int64(rows) * int64(m.Capacity()) * int64(width),
		Run: func(a *graph.Args) error {
			return att.Forward(a.Out(0), keys(), values(), a.Floats(0), a.Ints(1))
		},
	}, qkv, s.Past())
}
