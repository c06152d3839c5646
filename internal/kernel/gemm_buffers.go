package kernel

import (
	"sync"
	"unsafe"
)

// buffer grows to the largest size requested and begins at a cache line.
type buffer []float32

// sized returns n elements with arbitrary contents.
func (b *buffer) sized(n int) []float32 {
	const line = 64
	if len(*b) < n {
		x := make([]float32, n+line/4)
		skip := -uintptr(unsafe.Pointer(&x[0])) % line / 4
		*b = x[skip:]
	}
	return (*b)[:n:n]
}

// workspace is the memory that one goroutine needs to compute tiles.
type workspace struct {
	panels buffer // of B
	rows   buffer // of A, whole tiles
	tile   buffer // of C
}

// shelf keeps objects for reuse. It makes only as many as are in use at once. Unlike a sync.Pool, it does not
// lose them at a garbage collection.
type shelf[T any] struct {
	mu   sync.Mutex
	free []*T
	make func() *T
}

func (s *shelf[T]) take() *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.free) - 1
	if last < 0 {
		return s.make()
	}
	x := s.free[last]
	s.free = s.free[:last]
	return x
}

func (s *shelf[T]) put(x *T) {
	s.mu.Lock()
	s.free = append(s.free, x)
	s.mu.Unlock()
}

var (
	workspaces = shelf[workspace]{make: func() *workspace { return new(workspace) }}
	teams      = shelf[team]{make: newTeam}
)
