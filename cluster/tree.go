package cluster

import (
	"slices"
	"unsafe"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Sums are taken over a fixed tree: ranks 0 and 1, 2 and 3, …, then these pairs, and so on, as one
// process adds up its micro-batches. The algorithms are from Thakur, Rabenseifner and Gropp,
// "Optimization of Collective Communication Operations in MPICH" (2005).

const (
	// chunk is how many bytes are sent at once, few enough that they are still in a cache when they
	// are added. Ranks of one machine wait for each other at each chunk: with pieces of half a
	// megabyte, one by one, it took four times as long.
	chunk = 1 << 22
	// window is how many chunks are in transit in each direction.
	window = 4
	// long is the number of bytes from which on ranks divide the additions among themselves.
	long = 1 << 14
)

// adder adds up slices over the ranks.
type adder[E number] struct {
	backend
	rank, size int
	most       int // numbers that are sent at once
	scratch    [window][]E
	add        func(to, x []E)
}

func newAdder[E number](b backend, add func(to, x []E)) *adder[E] {
	return &adder[E]{backend: b, rank: b.rank(), size: b.size(), most: chunk / int(unsafe.Sizeof(*new(E))), add: add}
}

// room returns memory for n numbers to be received, one of window such slices.
func (a *adder[E]) room(i, n int) []E {
	if len(a.scratch[i]) < n {
		a.scratch[i] = make([]E, n)
	}
	return a.scratch[i][:n]
}

func addFloats(to, x []float32) { kernel.Axpy(to, 1, x) }

// largest puts the larger of each two numbers into to, or NaN if one of them is.
func largest(to, x []float32) {
	for i, v := range x {
		to[i] = max(to[i], v)
	}
}

func addScalars(to, x []float64) {
	for i, v := range x {
		to[i] += v
	}
}

// sum replaces the slices of each rank by their sum over the ranks.
func (a *adder[E]) sum(x [][]E) error {
	n := lengthOf(x)
	switch {
	case a.size&(a.size-1) != 0:
		if err := a.climb(x); err != nil {
			return err
		}
		return a.giveFrom(0, x)
	case n*int(unsafe.Sizeof(*new(E))) < long:
		return a.double(x)
	}
	return a.halve(x, n)
}

// double adds up by pairs of ranks exchanging all they have, which takes few messages.
func (a *adder[E]) double(x [][]E) error {
	n := lengthOf(x)
	own, other := a.room(0, n), a.room(1, n)
	for i, at := 0, 0; i < len(x); i++ {
		at += copy(own[at:], x[i])
	}
	for mask := 1; mask < a.size; mask <<= 1 {
		if err := exchange(a.backend, bytesOf(own), bytesOf(other), a.rank^mask); err != nil {
			return err
		}
		a.add(own, other)
	}
	for _, part := range x {
		own = own[copy(part, own):]
	}
	return nil
}

// halve makes the ranks divide the additions among themselves, and then exchange the results, which
// takes few bytes.
func (a *adder[E]) halve(x [][]E, n int) error {
	parts := make([][][]E, a.size)
	for i := range parts {
		share := (n + a.size - 1 - i) / a.size
		parts[i], x = split(x, share)
	}
	if err := a.scatter(parts); err != nil {
		return err
	}
	return a.collect(parts)
}

// scatter leaves to each rank the sums of its part: pairs of ranks exchange what the other's side
// needs, until each has its part.
func (a *adder[E]) scatter(parts [][][]E) error {
	if a.size&(a.size-1) != 0 {
		if err := a.climb(slices.Concat(parts...)); err != nil {
			return err
		}
		return a.handOut(parts)
	}
	for mask := 1; mask < a.size; mask <<= 1 {
		own, other := a.sides(parts, mask)
		if err := a.trade(other, own, a.rank^mask, true); err != nil {
			return err
		}
	}
	return nil
}

// collect copies the part of each rank to all ranks.
func (a *adder[E]) collect(parts [][][]E) error {
	if a.size&(a.size-1) != 0 {
		for i, part := range parts {
			if err := a.giveFrom(i, part); err != nil {
				return err
			}
		}
		return nil
	}
	for mask := a.size >> 1; mask > 0; mask >>= 1 {
		own, other := a.sides(parts, mask)
		if err := a.trade(own, other, a.rank^mask, false); err != nil {
			return err
		}
	}
	return nil
}

// sides returns the parts of the ranks whose numbers equal this rank's in the bits below mask: own
// of those that equal it in the bit mask too, other of those that do not.
func (a *adder[E]) sides(parts [][][]E, mask int) (own, other [][]E) {
	for i, part := range parts {
		switch (i ^ a.rank) & (2*mask - 1) {
		case 0:
			own = append(own, part...)
		case mask:
			other = append(other, part...)
		}
	}
	return own, other
}

// climb adds up over any number of ranks: each sends what it has to a lower rank, up to the first,
// which then has the sum.
func (a *adder[E]) climb(x [][]E) error {
	for rest := x; ; {
		part := take(&rest, a.most)
		if len(part) == 0 {
			break
		}
		for mask := 1; mask < a.size; mask <<= 1 {
			if a.rank&mask != 0 {
				if err := a.sending(bytesOf(part), a.rank-mask)(); err != nil {
					return err
				}
				break
			}
			if a.rank+mask < a.size {
				from := a.room(0, len(part))
				if err := a.receiving(bytesOf(from), a.rank+mask)(); err != nil {
					return err
				}
				a.add(part, from)
			}
		}
	}
	return nil
}

// handOut makes the first rank send the others their parts.
func (a *adder[E]) handOut(parts [][][]E) error {
	for i := 1; i < a.size; i++ {
		var err error
		switch a.rank {
		case 0:
			err = a.trade(parts[i], nil, i, false)
		case i:
			err = a.trade(nil, parts[i], 0, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// giveFrom copies the slices of a rank to all ranks.
func (a *adder[E]) giveFrom(rank int, x [][]E) error {
	for _, part := range x {
		if err := giveAll(a.backend, bytesOf(part), rank); err != nil {
			return err
		}
	}
	return nil
}

// trade sends slices to a rank, and puts what it receives into others, or adds it to them. While
// one piece is being added, the next is in transit. The slices sent and received must not overlap.
func (a *adder[E]) trade(send, receive [][]E, with int, add bool) (err error) {
	var (
		going, coming flow
		into          [window][]E
	)
	defer func() {
		for err != nil && going.busy()+coming.busy() > 0 {
			_, _ = going.end(), coming.end() // to release their buffers; the results no longer matter
		}
	}()
	for {
		for coming.busy() < window {
			piece := take(&receive, a.most)
			if len(piece) == 0 {
				break
			}
			at := coming.begun % window
			into[at] = piece
			if add {
				piece = a.room(at, len(piece))
			}
			coming.begin(a.receiving(bytesOf(piece), with))
		}
		for going.busy() < window {
			piece := take(&send, a.most)
			if len(piece) == 0 {
				break
			}
			going.begin(a.sending(bytesOf(piece), with))
		}
		if coming.busy()+going.busy() == 0 {
			return nil
		}
		at := coming.ended % window
		some := coming.busy() > 0
		if err := coming.end(); err != nil {
			return err
		}
		if some && add {
			a.add(into[at], a.room(at, len(into[at])))
		}
		if err := going.end(); err != nil {
			return err
		}
	}
}

// flow is what is in transit in one direction.
type flow struct {
	ends         [window]func() error
	begun, ended int
}

func (f *flow) busy() int { return f.begun - f.ended }

func (f *flow) begin(end func() error) {
	f.ends[f.begun%window] = end
	f.begun++
}

// end waits for the first piece in transit, if there is one.
func (f *flow) end() error {
	if f.busy() == 0 {
		return nil
	}
	f.ended++
	return f.ends[(f.ended-1)%window]()
}

// take removes a piece of at most n numbers from the front of slices.
func take[E number](x *[][]E, n int) (piece []E) {
	for len(*x) > 0 && len((*x)[0]) == 0 {
		*x = (*x)[1:]
	}
	if len(*x) == 0 {
		return nil
	}
	piece = (*x)[0]
	if len(piece) <= n {
		*x = (*x)[1:]
		return piece
	}
	*x = append([][]E{piece[n:]}, (*x)[1:]...)
	return piece[:n]
}

// split divides slices after n numbers.
func split[E number](x [][]E, n int) (before, after [][]E) {
	for i, part := range x {
		if n < len(part) {
			return append(slices.Clone(x[:i]), part[:n]), append([][]E{part[n:]}, x[i+1:]...)
		}
		n -= len(part)
	}
	return x, nil
}

// lengthOf returns how many numbers slices have.
func lengthOf[E any](x [][]E) (n int) {
	for _, part := range x {
		n += len(part)
	}
	return n
}

// giveAll copies the bytes of a rank to all ranks.
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
