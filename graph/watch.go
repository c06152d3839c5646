package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// watched is a pattern of [Watch].
type watched struct {
	pattern string
	matched bool
}

// sight is a node that a watch matched.
type sight struct {
	path string
	node *G.Node
}

// Watch has the program compute, besides its outputs, the results of all layers whose
// paths match pattern, edits included, and the inner values that layers expose, such as
// the attention weights "h.*.attn.weights". [Program.Watched] returns them. Patterns are
// those of [Wrap].
func Watch(pattern string) Option {
	return func(b *builder) { b.watches = append(b.watches, &watched{pattern: pattern}) }
}

// Expose offers a value inside a layer, under a name below this scope, to those who
// [Watch] it. For nobody else is it declared.
func (s *Scope) Expose(name string, build func(s *Scope) *G.Node) {
	at := s.At("%s", name)
	s.exposed = append(s.exposed, at.path)
	if at.wanted() {
		s.sights = append(s.sights, sight{at.path, build(at)})
	}
}

// watch notes the result of the layer at this scope, if it is watched.
func (s *Scope) watch(n *G.Node) {
	if s.wanted() {
		s.sights = append(s.sights, sight{s.path, n})
	}
}

// wanted tells whether a watch matches the scope.
func (s *Scope) wanted() bool {
	found := false
	for _, w := range s.watches {
		if matches(w.pattern, s.path) {
			w.matched, found = true, true
		}
	}
	return found
}

// Seen is a value that was watched.
type Seen struct {
	Path  string // the layer's
	Shape tensor.Shape
	Data  []float32 // row by row, valid until the next run
}

// Watched returns the values that options of [Watch] asked for, as the last run left
// them, in the order in which their layers were declared.
func (p *Program) Watched() []Seen {
	all := make([]Seen, len(p.declared.sights))
	for i, at := range p.declared.sights {
		all[i] = Seen{at.path, at.node.Shape().Clone(), p.Value(at.node)}
	}
	return all
}
