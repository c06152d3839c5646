package layers

import (
	"cmp"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// EditAttention returns an edit of a model that applies the changes, in order, to the settings of every
// attention layer whose path matches pattern, as in graph.Wrap. Settings that are not changed stay as the model
// has them.
func EditAttention(pattern string, changes ...func(c *AttentionConfig)) graph.Option {
	return graph.EditSettings("EditAttention", pattern, all(changes))
}

// EditHead returns an edit of a model that changes the settings of its head, wherever logits and losses are
// computed.
func EditHead(changes ...func(c *HeadConfig)) graph.Option {
	return graph.EditSettings("EditHead", "", all(changes))
}

// all returns a function that applies the changes in order.
func all[S any](changes []func(*S)) func(*S) {
	return func(settings *S) {
		for _, f := range changes {
			f(settings)
		}
	}
}

// Rotary returns a change of attention settings: queries and keys are rotated by [ops.Rotary], after whatever
// the settings already do in Between.
func Rotary(o ops.RotaryOptions) func(c *AttentionConfig) {
	return func(c *AttentionConfig) {
		c.each(func(s *graph.Scope, _ string, x *G.Node, heads int) *G.Node {
			return ops.Rotary(s, x, heads, o) // (B·T, heads·D)
		})
	}
}

// QKNorm returns a change of attention settings: queries and keys are normalized, head by head, by [RMSNorm]
// with weights q_norm and k_norm, after whatever the settings already do in Between. The order in which it and
// [Rotary] are given is the order in which they are applied.
func QKNorm(n RMS) func(c *AttentionConfig) {
	return func(c *AttentionConfig) {
		c.each(func(s *graph.Scope, name string, x *G.Node, heads int) *G.Node {
			n := n
			n.Columns = cmp.Or(n.Columns, wholeDim(s, x)/max(heads, 1))
			return RMSNorm(s.At("%s_norm", name), x, n) // (B·T, heads·D)
		})
	}
}

// each appends f to Between, for the queries under the name q and for the keys under the name k. It is given
// the numbers of heads that c has in the end, after later changes.
func (c *AttentionConfig) each(f func(s *graph.Scope, name string, x *G.Node, heads int) *G.Node) {
	before := c.Between
	c.Between = func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
		if before != nil {
			q, k = before(s, q, k)
		}
		return f(s, "q", q, c.Heads), f(s, "k", k, cmp.Or(c.KVHeads, c.Heads))
	}
}
