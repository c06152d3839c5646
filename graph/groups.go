package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Groups are the rows of a scope whose rows each use weights of their own group, as tokens do that were sent to
// experts. The rows of group i end at row Ends[i], and begin where those of the group before end; rows behind the last
// end belong to none, and are 0 where something computes them by weights.
type Groups struct {
	Count  int     // how many groups there are, E
	PerRow int     // how many of them one row of the data passes through, k
	Ends   *G.Node // (E), whole numbers
}

// Grouped is this scope as a place whose rows belong to groups. A parameter that is declared in it, or below, has one more
// dimension in front: the shape it was declared with for each group. Ops that know groups, as ops.Linear and ops.Dense do, use
// of it for each row what belongs to the row's group; element-wise ones need not know. So what was written for all
// rows alike becomes an expert of a mixture unchanged.
func (s *Scope) Grouped(g Groups) *Scope {
	ends := s.Require("Grouped", "Ends", g.Ends)
	switch {
	case s.err != nil:
	case s.groups != nil:
		s.Fail("Grouped", tensor.ScalarShape(), "the rows belong to groups already")
	case g.PerRow < 1 || g.PerRow > g.Count || ends.Dims() != 1 || ends.Shape()[0] != g.Count:
		s.Fail("Grouped", tensor.ScalarShape(), "%d groups, %d for a row, ends are %v; want 1 to E for a row, and (E)", g.Count, g.PerRow, ends.Shape())
	}
	grouped := *s
	grouped.groups = &g
	return &grouped
}

// Groups is what [Scope.Grouped] was given, or nil.
func (s *Scope) Groups() *Groups { return s.groups }

// Groups is how many groups of rows have a part of the parameter of their own, one after the other along the first
// dimension; 0 for a parameter that all rows share. See [Scope.Grouped].
func (p *Param) Groups() int { return p.groups }

// rank is the number of dimensions of a group's part of the parameter.
func (p *Param) rank() int {
	if p.groups > 0 {
		return p.shape.Dims() - 1
	}
	return p.shape.Dims()
}

// Buffer declares a parameter that is kept with the others, and never learned by gradients: a number that a
// rule of its own changes, such as one of [Scope.AfterUpdate].
func (s *Scope) Buffer(name string, init Init, shape ...int) *G.Node {
	n := s.Param(name, init, shape...)
	if p := s.params.Get(s.join(name)); p != nil {
		p.buffer = true
	}
	return n
}
