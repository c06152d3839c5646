package train

import (
	"fmt"
	"slices"
	"sync"
)

// localPeers returns so many ranks within one process, for a [Trainer] each, that run in
// goroutines of their own. They add up in a fixed tree: ranks 0 and 1, 2 and 3, then these.
func localPeers(size int) []Peers {
	m := &meeting{size: size}
	m.changed.L = &m.mu
	var all []Peers
	for rank := range size {
		all = append(all, localPeer{m, rank})
	}
	return all
}

type localPeer struct {
	*meeting
	rank int
}

// meeting is where the ranks come together, call after call.
type meeting struct {
	size    int
	mu      sync.Mutex
	changed sync.Cond
	round   int
	given   []any // a slice of each rank that has come
	came    int
	gone    error // that a rank has left, or that they gave different things
}

func (p localPeer) Rank() int { return p.rank }
func (p localPeer) Size() int { return p.size }

func (p localPeer) Sum(x ...[]float32) error {
	for _, part := range x {
		if err := p.meet(p.rank, part, func(given []any) error { return sumTree[float32](given) }); err != nil {
			return err
		}
	}
	return nil
}

func (p localPeer) SumScalars(x []float64) ([]float64, error) {
	x = slices.Clone(x)
	return x, p.meet(p.rank, x, func(given []any) error { return sumTree[float64](given) })
}

func (p localPeer) Give(x []float32, from int) error {
	return p.meet(p.rank, x, func(given []any) error {
		for rank, g := range given {
			if to, ok := g.([]float32); !ok || copy(to, given[from].([]float32)) != len(x) {
				return fmt.Errorf("rank %d is not given as many numbers as the rest", rank)
			}
		}
		return nil
	})
}

func (p localPeer) Leave(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone == nil {
		p.gone = fmt.Errorf("rank %d has left: %w", p.rank, reason)
	}
	p.changed.Broadcast()
}

// meet waits until all ranks have given something, which the last to come combines.
func (m *meeting) meet(rank int, x any, combine func([]any) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone != nil {
		return m.gone
	}
	if m.given == nil {
		m.given = make([]any, m.size)
	}
	m.given[rank] = x
	if m.came++; m.came == m.size {
		if m.gone = combine(m.given); m.gone == nil {
			m.came, m.given = 0, nil
			m.round++
		}
		m.changed.Broadcast()
		return m.gone
	}
	for round := m.round; m.round == round; {
		if m.gone != nil {
			return m.gone
		}
		m.changed.Wait()
	}
	return nil // the round was complete, whoever has left since
}

// sumTree puts the sum of slices into each of them.
func sumTree[E float32 | float64](given []any) error {
	slices := make([][]E, len(given))
	for rank, x := range given {
		s, ok := x.([]E)
		if slices[rank] = s; !ok || len(s) != len(slices[0]) {
			return fmt.Errorf("rank %d does not give as many numbers of %T as the rest", rank, slices[0])
		}
	}
	addTree(slices)
	for _, s := range slices[1:] {
		copy(s, slices[0])
	}
	return nil
}
