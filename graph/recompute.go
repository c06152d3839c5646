package graph

import (
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/internal/scopepath"
)

// Recompute lets the gradient of a program compute the values inside some scopes again, instead of keeping them
// from the forward run (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"). A pattern is a path
// in which * stands for any part of a name: with "h.*", only the tensors between the blocks h.0, h.1, … are
// kept; the values inside a block are recomputed for its gradient, one block at a time. That saves most of the
// memory of a deep model over a long context, at the cost of one more forward run of the blocks.
//
// The copies are nodes of the graph like others; their ops have names that end in " again". They run the same
// operations on the same numbers, including random ones, so losses and gradients have the same bits. Values of
// Gorgonia's own operations are kept.
func Recompute(pattern string) Option {
	return func(b *builder) { b.recompute = append(b.recompute, strings.Split(pattern, ".")) }
}

// checkPatterns returns an error if a pattern of Recompute matches no scope that has any of our ops.
func (b *builder) checkPatterns() error {
	for _, pattern := range b.recompute {
		if !b.hasOps(pattern) {
			return fmt.Errorf("graph: Recompute(%s): no scope matches", strings.Join(pattern, "."))
		}
	}
	return nil
}

// hasOps reports whether a pattern matches a scope that has any of our ops.
func (b *builder) hasOps(pattern []string) bool {
	for n, at := range b.origin {
		if _, ours := n.Op().(*nodeOp); ours && scopepath.Inside(pattern, strings.Split(at, ".")) {
			return true
		}
	}
	return false
}

// segment is a scope whose values are recomputed together.
type segment struct {
	copies map[*G.Node]*G.Node
	// start is the gradient that differentiation reached first. The copies run after it: run earlier, they
	// would take as much memory as they save.
	start *G.Node
}

// segment returns the segment that holds a scope, or nil. Each time that a shared block is declared is one of its own.
func (s *Scope) segment() *segment {
	b, names := s.builder, strings.Split(s.path, ".")
	for _, pattern := range b.recompute {
		if !scopepath.Inside(pattern, names) {
			continue
		}
		key := strings.Join(names[:len(pattern)], ".")
		for _, u := range s.within {
			if u.depth <= len(pattern) {
				key += fmt.Sprintf(" %d", u.number)
			}
		}
		if b.segments[key] == nil {
			b.segments[key] = &segment{copies: make(map[*G.Node]*G.Node)}
		}
		return b.segments[key]
	}
	return nil
}

// again returns what the gradient of an op in segment g must read instead of node n: a copy, if n is in the
// same segment, and n itself otherwise.
func (g *segment) again(n *G.Node) *G.Node {
	o, ok := n.Op().(*nodeOp)
	if !ok || o.Run == nil || o.scope.segment() != g {
		return n
	}
	if c := g.copies[n]; c != nil {
		return c
	}
	var in G.Nodes
	first := true // it reads no other copy
	for _, x := range inputs(n) {
		c := g.again(x)
		first = first && c == x
		in = append(in, c)
	}
	if first {
		in = append(in, g.start)
	}
	op := o.Op
	op.Name += " again"
	if op.Of != nil {
		op.Of = g.again(op.Of)
	}
	c := o.scope.Apply(op, in...)
	g.copies[n] = c
	return c
}

// inputs returns the nodes that n reads, in the order of its op's arguments.
func inputs(n *G.Node) G.Nodes {
	var in G.Nodes
	if n.Graph() == nil { // a constant that no node has taken
		return nil
	}
	for it := n.Graph().From(n.ID()); it.Next(); {
		in = append(in, it.Node().(*G.Node))
	}
	return in
}
