package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// AttentionConfig are the settings of [Attention]. All but Heads may be left at zero, which is
// as GPT-2 has it.
type AttentionConfig struct {
	Heads   int // they divide the width
	Weights BranchWeights

	Dropout float64 // probability with which a weight is dropped after the softmax, in training
	Window  int     // how far a position looks back, itself included; 0 is no bound
	Scale   float64 // of the scores; 0 stands for 1/√D of heads of D columns

	// Composed has the core written out in small operations, of which every value is a node: to
	// look into, and to start from for a new kind of attention. It costs more memory and time,
	// and keeps nothing for an incremental graph.
	Composed bool
}

// Attention is causal multi-head self-attention over x (B·T, C): c_attn projects to queries,
// keys and values, c_proj mixes the heads' results. It exposes its weights (B·H, T, T), before
// dropout, to graph.Watch("….weights"). In an incremental graph it remembers keys and values.
func Attention(s *graph.Scope, x *G.Node, c AttentionConfig) *G.Node {
	x = s.Given("Attention", "x", x)
	if x.Dims() != 2 {
		return s.Fail("Attention", x.Shape(), "x is %v; want (B·T, C)", x.Shape())
	}
	core, o := ops.Attention, ops.AttentionOptions{Dropout: c.Dropout, Window: c.Window, Scale: c.Scale}
	if c.Composed {
		core = ops.ComposedAttention
	}
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
		width := dim(x, 1)
		qkv := Linear(s.At("c_attn"), x, 3*width, c.Weights.inner()) // (B·T, 3C)
		s.Expose("weights", func(s *graph.Scope) *G.Node {
			return ops.AttentionWeights(s, qkv, c.Heads, o) // (B·H, T, T)
		})
		y := core(s, qkv, c.Heads, o)                             // (B·T, C)
		return Linear(s.At("c_proj"), y, width, c.Weights.last()) // (B·T, C)
	})
}
