package graph

import (
	"slices"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// watched is a pattern of [Watch].
type watched struct {
	pattern string
	grad    bool
	matched bool
}

// seenNode is a node that a watch matched.
type seenNode struct {
	path string
	node *G.Node
	grad bool
}

// Watch makes the program compute, besides its outputs, the results of all layers whose paths match pattern,
// including edits, and the inner values that layers expose, such as the attention weights "h.*.attn.weights".
// [Program.Watched] returns them. Patterns are as in [Wrap].
func Watch(pattern string) Option {
	return func(b *builder) { b.watches = append(b.watches, &watched{pattern: pattern}) }
}

// WatchGrad is [Watch] that also requests, in a program that has a loss, the gradient of the loss with respect
// to each of the values, for example for a saliency map. A value that the loss does not depend on is a
// compilation error. Attention that is not composed (layers.AttentionConfig) computes the weights that it exposes
// only to show them, so that the loss does not depend on them.
func WatchGrad(pattern string) Option {
	return func(b *builder) { b.watches = append(b.watches, &watched{pattern: pattern, grad: true}) }
}

// RetainGrad requests the gradient of the loss with respect to a node, which [Program.Gradient] returns.
func (s *Scope) RetainGrad(n *G.Node) {
	n = s.Require("RetainGrad", "the node", n)
	switch {
	case s.err != nil:
	case n.Dtype() != tensor.Float32:
		s.Fail("RetainGrad", n.Shape(), "%v is of %v, which has no gradient", n, n.Dtype())
	case n.Graph() != s.graph:
		s.Fail("RetainGrad", n.Shape(), "it is given %s, want a node of the graph", stranger(n))
	default:
		s.retained = append(s.retained, n)
	}
}

// Gradient returns the gradient of the loss with respect to a node that was given to [Scope.RetainGrad], from
// the last run alone, without the weight of [Program.RunGrad]. It is nil before the first run, and for other
// nodes.
func (p *Program) Gradient(n *G.Node) []float32 { return p.slopes[n].value() }

// Expose offers a value inside a layer, under a name below this scope, to [Watch] and [Scope.Result]. The value
// is declared only if one of them asks for it.
func (s *Scope) Expose(name string, build func(s *Scope) *G.Node) {
	at := s.At("%s", name)
	s.exposed = append(s.exposed, at.path)
	once := sync.OnceValue(func() *G.Node { return build(at) })
	s.results[at.path] = once
	if value, _ := at.wanted(); value {
		at.watch(once())
	}
}

// Exposed lists the paths of the values that layers have offered with [Scope.Expose], in the order of
// declaration. [Scope.Result] returns their nodes.
func (s *Scope) Exposed() []string { return slices.Clone(s.exposed) }

// watch records the result of the layer at this scope if it is watched.
func (s *Scope) watch(n *G.Node) {
	if value, grad := s.wanted(); value {
		s.seen = append(s.seen, seenNode{s.path, n, grad})
		if grad {
			s.RetainGrad(n)
		}
	}
}

// wanted reports whether a watch matches the scope, and whether one of these wants the gradient.
func (s *Scope) wanted() (value, grad bool) {
	for _, w := range s.watches {
		if matches(w.pattern, s.path) {
			w.matched, value, grad = true, true, grad || w.grad
		}
	}
	return value, grad
}

// Watched is a value that was watched.
type Watched struct {
	Path  string // the layer's
	Shape tensor.Shape
	Data  []float32 // row by row, valid until the next run
	Grad  []float32 // of the loss with respect to it, if [WatchGrad] asked for it; else nil
}

// Watched returns the values that options of [Watch] asked for, from the last run, in the order in which their
// layers were declared.
func (p *Program) Watched() []Watched {
	all := make([]Watched, len(p.declared.seen))
	for i, at := range p.declared.seen {
		all[i] = Watched{Path: at.path, Shape: at.node.Shape().Clone(), Data: p.Value(at.node)}
		if at.grad {
			all[i].Grad = p.Gradient(at.node)
		}
	}
	return all
}
