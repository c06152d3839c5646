package layers

import (
	"cmp"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// EditAttention is an edit of a model: it changes the settings of every attention layer whose path
// matches pattern, as in graph.Wrap, one after the other. What is not changed is as the model has it.
func EditAttention(pattern string, changes ...func(c *AttentionConfig)) graph.Option {
	return graph.EditSettings("EditAttention", pattern, all(changes))
}

// EditHead is an edit of a model: it changes the settings of its head, wherever logits and losses are
// computed.
func EditHead(changes ...func(c *HeadConfig)) graph.Option {
	return graph.EditSettings("EditHead", "", all(changes))
}

// all is one change after the other.
func all[S any](changes []func(*S)) func(*S) {
	return func(settings *S) {
		for _, f := range changes {
			f(settings)
		}
	}
}

// Rotary is a change of attention's settings: queries and keys are turned by [ops.Rotary], after what
// stands between projections and core already.
func Rotary(o ops.RotaryOptions) func(c *AttentionConfig) {
	return func(c *AttentionConfig) {
		c.each(func(s *graph.Scope, _ string, x *G.Node, heads int) *G.Node {
			return ops.Rotary(s, x, heads, o) // (B·T, heads·D)
		})
	}
}

// QKNorm is a change of attention's settings: queries and keys are normed, head by head, by
// [RMSNorm] with weights q_norm and k_norm, after what stands between projections and core already: before
// [Rotary] or after it, as they are given.
func QKNorm(n RMS) func(c *AttentionConfig) {
	return func(c *AttentionConfig) {
		c.each(func(s *graph.Scope, name string, x *G.Node, heads int) *G.Node {
			n := n
			n.Columns = cmp.Or(n.Columns, wholeDim(s, x)/max(heads, 1))
			return RMSNorm(s.At("%s_norm", name), x, n) // (B·T, heads·D)
		})
	}
}

// each adds to Between what is done to the queries, q, and likewise to the keys, k. The heads are those
// that c has in the end, when later changes have been at it.
func (c *AttentionConfig) each(f func(s *graph.Scope, name string, x *G.Node, heads int) *G.Node) {
	before := c.Between
	c.Between = func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
		if before != nil {
			q, k = before(s, q, k)
		}
		return f(s, "q", q, c.Heads), f(s, "k", k, cmp.Or(c.KVHeads, c.Heads))
	}
}
