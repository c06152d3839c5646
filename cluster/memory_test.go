package cluster

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// memory is a backend within one process, with a channel from each rank to every other.
type memory struct {
	itsRank int
	wires   [][]chan []byte
	fail    *error // what every call returns, if not nil
	ended   *int
}

// newMemory returns backends for size ranks.
func newMemory(size int) (all []*memory) {
	wires := make([][]chan []byte, size)
	for i := range wires {
		wires[i] = make([]chan []byte, size)
		for j := range wires[i] {
			wires[i][j] = make(chan []byte, 1000)
		}
	}
	for rank := range size {
		all = append(all, &memory{rank, wires, new(error), new(int)})
	}
	return all
}

func (m *memory) rank() int     { return m.itsRank }
func (m *memory) size() int     { return len(m.wires) }
func (m *memory) about() string { return "memory" }

func (m *memory) sending(x []byte, to int) (end func() error) {
	m.wires[m.itsRank][to] <- append([]byte(nil), x...)
	return func() error { return *m.fail }
}

func (m *memory) receiving(x []byte, from int) (end func() error) {
	return func() error {
		got := <-m.wires[from][m.itsRank]
		if len(got) != len(x) {
			return fmt.Errorf("%d bytes from rank %d, want %d", len(got), from, len(x))
		}
		copy(x, got)
		return *m.fail
	}
}

func (m *memory) give(x []byte, from int) error {
	if m.itsRank != from {
		return m.receiving(x, from)()
	}
	for to := range m.wires {
		if to != from {
			if err := m.sending(x, to)(); err != nil {
				return err
			}
		}
	}
	return nil
}

// reduce adds up from the last rank to the first, which is a different order than the tree's.
func (m *memory) reduce(x []float32) error {
	sum := make([]float32, len(x))
	for from := m.size() - 1; from >= 0; from-- {
		part := append([]float32(nil), x...)
		if err := m.give(bytesOf(part), from); err != nil {
			return err
		}
		addFloats(sum, part)
	}
	copy(x, sum)
	return nil
}

func (m *memory) finalize() error {
	*m.ended++
	return nil
}

// worlds returns the worlds of size ranks in one process, and the backends under them.
func worlds(t *testing.T, size int, o Options) (all []*World, under []*memory) {
	t.Helper()
	under = newMemory(size)
	for _, m := range under {
		w, err := open(o, func() (backend, error) { return m, nil })
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all, under
}

// together calls do on every rank at the same time, and returns the errors.
func together(t *testing.T, all []*World, do func(w *World) error) []error {
	t.Helper()
	errs := make([]error, len(all))
	var wait sync.WaitGroup
	for i, w := range all {
		wait.Go(func() { errs[i] = do(w) })
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the ranks hang")
	}
	return errs
}
