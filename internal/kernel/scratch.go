package kernel

import "sync"

// scratch lends buffers to the goroutines of a kernel and keeps them for the next call. A sync.Pool would lose
// them at each garbage collection.
type scratch struct {
	mu   sync.Mutex
	free [][]float32
}

// borrow returns a buffer of n elements with arbitrary contents. If all free buffers are too small, it replaces
// one of them, so that there are never more than were in use at once.
func (s *scratch) borrow(n int) []float32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.free) - 1; i >= 0; i-- {
		if b := s.free[i]; cap(b) >= n {
			last := len(s.free) - 1
			s.free[i] = s.free[last]
			s.free = s.free[:last]
			return b[:n]
		}
	}
	if last := len(s.free) - 1; last >= 0 {
		s.free[last], s.free = nil, s.free[:last]
	}
	return make([]float32, n)
}

// giveBack returns a borrowed buffer.
func (s *scratch) giveBack(b []float32) {
	s.mu.Lock()
	s.free = append(s.free, b)
	s.mu.Unlock()
}
