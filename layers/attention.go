package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// AttentionConfig holds the settings of [Attention]. All but Heads may be left at zero, which gives GPT-2's
// attention.
type AttentionConfig struct {
	Heads    int // number of query heads
	KVHeads  int // number of key and value heads, each shared by Heads/KVHeads query heads; 0 means Heads
	HeadSize int // columns per head; 0 means C/Heads
	Weights  BranchWeights
	// Separate uses four layers q_proj, k_proj, v_proj and o_proj with weights (out, in), as Llama does,
	// instead of c_attn and c_proj with weights (in, out).
	Separate bool

	// Value, if not nil, is applied to the values (B·T, KVHeads·D) after their projection, for example to add
	// those of the first layer.
	Value func(s *graph.Scope, v *G.Node) *G.Node
	// Between, if not nil, is applied to the queries (B·T, H·D) and keys (B·T, KVHeads·D) between the
	// projections and the core, for example to rotate them with [ops.Rotary] or to normalize them.
	Between func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node)

	Dropout float64 // probability of dropping an attention weight after the softmax, in training
	Window  int     // how far back a position looks, including itself; 0 means no bound
	Scale   float64 // factor of the scores; 0 means 1/√D

	SoftCap float64   // bounds the scores to ±SoftCap; 0 means no bound
	Slopes  []float64 // what a score loses per position of distance, for each query head, as from [ops.ALiBi]; nil means none
	// Sinks adds an attention sink for each query head (see [ops.AttentionOptions]), as the parameter sinks
	// (H), which starts from Weights.Init.
	Sinks bool

	// Composed writes the core out in small operations, so that each intermediate value is a node: for
	// inspection, and as a starting point for a new kind of attention. Only then has [graph.WatchGrad] gradients of
	// the exposed weights, and of values that are projected together with queries and keys. It costs more memory and
	// time, and cannot be used in an incremental graph.
	Composed bool
}

// Attention is causal multi-head self-attention over x (B·T, C): projections to queries, keys and values, the
// core ([ops.Attention]), and a projection that mixes the heads' results. It exposes "values" (B·T, KVHeads·D)
// and "weights" (B·H, T, T), the attention weights before dropout, to [graph.Watch]. In an incremental graph it
// caches keys and values.
func Attention(s *graph.Scope, x *G.Node, c AttentionConfig) *G.Node {
	x = s.Require("Attention", "x", x)
	if x.Dims() != 2 {
		return s.Fail("Attention", x.Shape(), "x is %v; want (B·T, C)", x.Shape())
	}
	c = graph.Settings(s, c)
	if c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	o := ops.AttentionOptions{
		Dropout: c.Dropout, Window: c.Window, Scale: c.Scale, SoftCap: c.SoftCap, Slopes: c.Slopes,
	}
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		width := dim(x, 1)
		switch {
		case c.Heads < 1 || c.HeadSize == 0 && width%c.Heads != 0:
			return s.Fail("Attention", x.Shape(), "width %d is not a multiple of %d heads; x is %v", width, c.Heads, x.Shape())
		case c.KVHeads < 1 || c.Heads%c.KVHeads != 0:
			return s.Fail("Attention", x.Shape(), "%d heads cannot share %d heads of keys and values evenly", c.Heads, c.KVHeads)
		case c.HeadSize == 0:
			c.HeadSize = width / c.Heads
		}
		if fault := c.share(s); fault != "" {
			return s.Fail("Attention", x.Shape(), "%s", fault)
		}
		q, k, v := c.project(s, ops.Enter(s, x)) // (B·T, H·D), (B·T, KVHeads·D) twice
		if c.Between != nil {
			turnedQ, turnedK := c.Between(s, q.Columns(s), k.Columns(s))
			q, k = ops.AllHeads(s, turnedQ, c.Heads), ops.AllHeads(s, turnedK, c.KVHeads)
		}
		if c.Value != nil {
			v = ops.AllHeads(s, c.Value(s, v.Columns(s)), c.KVHeads)
		}
		if c.Composed { // the exposed values are those in use, whose gradients can be watched
			v = ops.AllHeads(s, v.Columns(s), c.KVHeads)
		}
		s.Expose("values", v.Columns) // (B·T, KVHeads·D)
		o := o
		o.Slopes = c.slopes(s)
		if c.Sinks {
			o.Sinks = s.CutParam("sinks", first(c.Weights.Init), graph.Cut(0, c.Heads), c.Heads) // (H)
		}
		y := c.core(s, q, k, v, o) // (B·T, H·D)
		if c.Separate {
			return Dense(s.At("o_proj"), y, width, c.Weights.last()) // (B·T, C)
		}
		return Linear(s.At("c_proj"), y, width, c.Weights.last()) // (B·T, C)
	})
}

// core declares the attention of the queries to the keys, and exposes its weights.
func (c AttentionConfig) core(s *graph.Scope, q, k, v ops.Heads, o ops.AttentionOptions) *G.Node {
	switch {
	case c.Composed && s.Cache() != nil:
		return ops.ComposedAttention(s, q, k, v, o) // which says that it cannot be incremental
	case c.Composed:
		weights := ops.AttentionWeights(s, q, k, o) // (B·H, T, T)
		s.Expose("weights", func(*graph.Scope) *G.Node { return weights })
		return ops.WeighValues(s, weights, v, q.Count, o) // (B·T, H·D)
	}
	s.Expose("weights", func(s *graph.Scope) *G.Node {
		return ops.AttentionWeights(s, q, k, o) // (B·H, T, T)
	})
	return ops.Attention(s, q, k, v, o) // (B·T, H·D)
}

// share returns the reason why the heads cannot be divided among the ranks, or "" if they can.
func (c AttentionConfig) share(s *graph.Scope) (fault string) {
	r := s.Ranks()
	switch {
	case r == nil:
	case c.Heads%r.Size() != 0:
		return fmt.Sprintf("%d heads cannot be divided evenly among %d ranks", c.Heads, r.Size())
	case c.KVHeads%r.Size() != 0:
		return fmt.Sprintf("%d heads of keys and values cannot be divided evenly among %d ranks", c.KVHeads, r.Size())
	}
	return ""
}

// slopes returns the slopes of this rank's heads.
func (c AttentionConfig) slopes(s *graph.Scope) []float64 {
	r := s.Ranks()
	if r == nil || len(c.Slopes) != c.Heads {
		return c.Slopes
	}
	span := graph.Cut(0, c.Heads).Spans(r.Rank(), r.Size())[0]
	return c.Slopes[span.From:span.To]
}

// project returns the queries, keys and values of x.
func (c AttentionConfig) project(s *graph.Scope, x *G.Node) (q, k, v ops.Heads) {
	if !c.Separate {
		qkv := linearOf.declare(s.At("c_attn"), x, c.Weights.inner(), c.Heads*c.HeadSize, c.KVHeads*c.HeadSize, c.KVHeads*c.HeadSize)
		return ops.QKV(s, qkv, c.Heads, c.KVHeads)
	}
	one := func(name string, heads int) ops.Heads {
		return ops.AllHeads(s, Dense(s.At("%s", name), x, heads*c.HeadSize, c.Weights.inner()), heads)
	}
	return one("q_proj", c.Heads), one("k_proj", c.KVHeads), one("v_proj", c.KVHeads)
}
