package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Groups describes a scope in which each row uses the weights of its group, such as tokens that were sent to
// experts. The rows of group i end at row Ends[i], and begin where those of the preceding group end. Rows after
// the last end belong to no group; ops that use weights set them to 0.
type Groups struct {
	Count  int     // number of groups, E
	PerRow int     // number of groups that one row of the data passes through, k
	Ends   *G.Node // (E), whole numbers
}

// Grouped returns this scope with rows that belong to groups. A parameter that is declared in it, or below, has
// an additional first dimension: it has the declared shape for each group. Ops that support groups, such as
// ops.Linear and ops.Dense, use for each row the part of the row's group; element-wise ops need no support. So
// a constructor that was written for rows that share their weights declares an expert of a mixture without any
// change.
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

// Groups returns the number of groups that have a part of the parameter, one after the other along the first
// dimension, or 0 for a parameter that all rows share. See [Scope.Grouped].
func (p *Param) Groups() int { return p.groups }

// rank returns the number of dimensions of a group's part of the parameter.
func (p *Param) rank() int {
	if p.groups > 0 {
		return p.shape.Dims() - 1
	}
	return p.shape.Dims()
}

// Buffer declares a parameter that is stored with the others but never trained by gradients: numbers that
// change by their own rule, such as one given to [Scope.ReportTo].
func (s *Scope) Buffer(name string, init Init, shape ...int) *G.Node {
	n := s.Param(name, init, shape...)
	if p := s.params.Get(s.join(name)); p != nil {
		p.buffer = true
	}
	return n
}
