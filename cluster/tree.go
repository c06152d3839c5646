package cluster

import (
	"unsafe"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Sums are those of a fixed tree: ranks 0 and 1, 2 and 3, …, then these pairs, and so on, as
// one process adds up its micro-batches. Thakur, Rabenseifner and Gropp, "Optimization of Collective
// Communication Operations in MPICH" (2005), have the ways that ranks go about it.

const (
	// chunk is how many bytes go at once: what is added stays in the cache.
	chunk = 1 << 19
	// long is from how many bytes on ranks share out the additions.
	long = 1 << 14
)

// adder adds up slices over the ranks.
type adder[E number] struct {
	backend
	rank, size int
	scratch    []E
	add        func(to, x []E)
}

func newAdder[E number](b backend, add func(to, x []E)) *adder[E] {
	return &adder[E]{backend: b, rank: b.rank(), size: b.size(), scratch: make([]E, chunk/int(unsafe.Sizeof(*new(E)))), add: add}
}

func addFloats(to, x []float32) { kernel.Axpy(to, 1, x) }

func addScalars(to, x []float64) {
	for i, v := range x {
		to[i] += v
	}
}

// sum puts the sum of the ranks' slices into each of them.
func (a *adder[E]) sum(x []E) error {
	switch {
	case a.size&(a.size-1) != 0:
		return a.climb(x)
	case len(x)*int(unsafe.Sizeof(*new(E))) < long:
		return a.double(x)
	}
	return a.halve(x)
}

// double has pairs of ranks exchange all they have: few messages.
func (a *adder[E]) double(x []E) error {
	for mask := 1; mask < a.size; mask <<= 1 {
		if err := a.exchangeAndAdd(x, x, a.rank^mask); err != nil {
			return err
		}
	}
	return nil
}

// halve has pairs of ranks exchange halves of what they have to add up, until each has a part of the
// whole sum, and then these: few bytes.
func (a *adder[E]) halve(x []E) error {
	var before [][2][]E // a level's own part, and the other's
	for mask := 1; mask < a.size; mask <<= 1 {
		own, other := x[:len(x)/2], x[len(x)/2:]
		if a.rank&mask != 0 {
			own, other = other, own
		}
		if err := a.exchangeAndAdd(other, own, a.rank^mask); err != nil {
			return err
		}
		before, x = append(before, [2][]E{own, other}), own
	}
	for mask := a.size >> 1; mask > 0; mask >>= 1 {
		part := before[len(before)-1]
		before = before[:len(before)-1]
		if err := a.swap(part[0], part[1], a.rank^mask); err != nil {
			return err
		}
	}
	return nil
}

// climb has ranks of any number send what they have to one below, and the first give the sum to all.
func (a *adder[E]) climb(x []E) error {
	for rest := x; len(rest) > 0; {
		part := rest[:min(len(rest), len(a.scratch))]
		rest = rest[len(part):]
		for mask := 1; mask < a.size; mask <<= 1 {
			if a.rank&mask != 0 {
				if err := a.send(bytesOf(part), a.rank-mask); err != nil {
					return err
				}
				break
			}
			if a.rank+mask < a.size {
				from := a.scratch[:len(part)]
				if err := a.receive(bytesOf(from), a.rank+mask); err != nil {
					return err
				}
				a.add(part, from)
			}
		}
	}
	return giveAll(a.backend, bytesOf(x), 0)
}

// exchangeAndAdd sends a slice, and adds to another what comes. Both ranks' pieces have one size.
func (a *adder[E]) exchangeAndAdd(send, to []E, with int) error {
	for len(send) > 0 || len(to) > 0 {
		s, t := send[:min(len(send), len(a.scratch))], to[:min(len(to), len(a.scratch))]
		send, to = send[len(s):], to[len(t):]
		from := a.scratch[:len(t)]
		if err := a.exchange(bytesOf(s), bytesOf(from), with); err != nil {
			return err
		}
		a.add(t, from)
	}
	return nil
}

// swap sends a slice and receives another.
func (a *adder[E]) swap(send, receive []E, with int) error {
	for len(send) > 0 || len(receive) > 0 {
		s, r := send[:min(len(send), len(a.scratch))], receive[:min(len(receive), len(a.scratch))]
		send, receive = send[len(s):], receive[len(r):]
		if err := a.exchange(bytesOf(s), bytesOf(r), with); err != nil {
			return err
		}
	}
	return nil
}

// giveAll gives the bytes of a rank to all.
func giveAll(b backend, x []byte, from int) error {
	for len(x) > 0 {
		part := x[:min(len(x), chunk)]
		x = x[len(part):]
		if err := b.give(part, from); err != nil {
			return err
		}
	}
	return nil
}
