package graph

import (
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// SetSequence declares what the rows of activations (B·T, C) are from here on: batch sequences of context
// positions, one sequence after the other. Constructors that embed tokens (B, T) call it, as layers.Embedding
// does, so that T need not be passed to each layer.
func (s *Scope) SetSequence(batch, context int) {
	switch {
	case batch < 1 || context < 1:
		s.Fail("SetSequence", tensor.ScalarShape(), "%d sequences of %d positions; want 1 or more of 1 or more", batch, context)
	case s.cache != nil && s.cache.batch != batch:
		s.Fail("SetSequence", tensor.ScalarShape(), "%d sequences; want the %d that the incremental graph remembers", batch, s.cache.batch)
	}
	s.sequence = [2]int{batch, context}
}

// Sequence returns the number of sequences B and the positions T of each, which are the rows of activations
// (B·T, C). In an incremental graph, T counts the positions of the piece. If SetSequence was not called, that
// is an error, and both are 1.
func (s *Scope) Sequence() (batch, context int) {
	if s.groups != nil {
		s.Fail("Sequence", tensor.ScalarShape(), "rows that belong to groups are not sequences: attention and similar layers must be outside experts")
		return 1, 1
	}
	if s.sequence == [2]int{} {
		s.Fail("Sequence", tensor.ScalarShape(), "nothing declares which sequences the rows are; embed tokens (B, T) with layers.Embedding, or call SetSequence")
		return 1, 1
	}
	return s.sequence[0], s.sequence[1]
}

// SetReal says which rows of activations (B·T, C) are positions of the sequences, and which are padding after them:
// mask declares 1 and 0, (B·T), when a layer first asks with [Scope.Real]. What is computed for padding is used by
// nothing, but statistics over the rows, such as the load of experts, must not count it.
func (s *Scope) SetReal(mask func() *G.Node) { s.real = sync.OnceValue(mask) }

// Real returns which rows are not padding, as SetReal says, or nil if nothing says so.
func (s *Scope) Real() *G.Node {
	if s.real == nil || s.groups != nil {
		return nil
	}
	return s.real()
}
