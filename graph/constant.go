package graph

import "sync"

// Constant is numbers that ops of the graph share and never change, such as a table of angles:
// made when the first of them runs, and once for all that give the same name.
func (s *Scope) Constant(name string, make func() []float32) func() []float32 {
	if s.constants[name] == nil {
		s.constants[name] = sync.OnceValue(make)
	}
	return s.constants[name]
}
