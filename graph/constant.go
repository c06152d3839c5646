package graph

import "sync"

// Constant returns a function for numbers that ops of the graph share and never change, such as a table of
// angles. They are made when the first of the ops runs, once for all ops that use the same name.
func (s *Scope) Constant(name string, make func() []float32) func() []float32 {
	if s.constants[name] == nil {
		s.constants[name] = sync.OnceValue(make)
	}
	return s.constants[name]
}
