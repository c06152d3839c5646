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
func (o AttentionOptions) scale(size int) float32 {
	if o.Scale == 0 {
		return float32(1 / math.Sqrt(float64(size)))
	}
	return float32(o.Scale)
}

// Attention is causal multi-head self-attention (Vaswani et al. 2017, §3.2): position
// t of a sequence attends to the positions up to t of the same sequence. qkv
// (B·T, 3C) holds queries, keys and values side by side, in each the heads of C/H
// columns; scores are scaled by 1/√(C/H), or as o says. The result is (B·T, C).
//
// Scores are held for a tile of queries at a time; the gradient computes the weights
// again from the log-sum-exp of each query's scores (Dao et al. 2022, algorithm 4).
func Attention(s *graph.Scope, qkv *G.Node, heads, context int, o AttentionOptions) *G.Node {
	qkv = s.Given("Attention", "qkv", qkv)
	if !isMatrix(qkv) || qkv.Shape()[1]%3 != 0 || context < 1 || qkv.Shape()[0]%context != 0 {
		return s.Fail("Attention", tensor.Shape{dim(qkv, 0), max(dim(qkv, 1)/3, 1)}, "qkv is %v; want (B·T, 3C) with sequences of %d", qkv.Shape(), context)
	}
	rows, width := qkv.Shape()[0], qkv.Shape()[1]/3
	shape := tensor.Shape{rows, width}
	if heads < 1 || width%heads != 0 {
		return s.Fail("Attention", shape, "width %d is not a multiple of %d heads; qkv is %v", width, heads, qkv.Shape())
	}
	if s.Memory() != nil {
		return s.Fail("Attention", shape, "it sees nothing of the past in an incremental graph; use CachedAttention there")
	}
	if o.Window < 0 {
		return s.Fail("Attention", shape, "a window of %d is below 0", o.Window)
	}
	if failed := checkRate(s, "Attention", shape, o.Dropout); failed != nil {
		return failed
	}
	if !s.Training() {
		o.Dropout = 0
	}
	stream := s.Stream("attention dropout")
	att := &kernel.Attention{
		Batch: rows / context, Context: context, Heads: heads, Size: width / heads,
		Scale:  o.scale(width / heads),
		Window: o.Window,
	}
	mask := func(a *graph.Args) kernel.Mask {
		seed, step := a.Random()
		return kernel.NewMask(o.Dropout, seed, step, stream)
	}
	var stats []float32 // of the last forward run
	// Two products, of which the masked half is skipped.
	cost := 2 * int64(rows) * int64(context) * int64(width)
	return s.Apply(graph.Op{
		Name:  "Attention",
		Out:   shape,
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
