package finetune

import (
	"errors"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// programs are one graph for sequences of several lengths, so that short ones are not padded
// to the longest. Each is compiled when it is first wanted; all take turns in the memory of
// the longest.
type programs struct {
	c       Classifier
	size    int // examples of a run
	longest int
	compile func(length int) (*graph.Program, *G.Node, error)
	made    map[int]*program
	borrow  func(*graph.Program) error // nil until there is a program that has the memory
}

// program is a graph for sequences of up to a length.
type program struct {
	*graph.Program
	scores *G.Node
	*batch
}

// newPrograms compiles the program of the longest, which has the memory unless there is borrow.
func newPrograms(c Classifier, size, longest int, borrow func(*graph.Program) error, compile func(int) (*graph.Program, *G.Node, error)) (*programs, error) {
	p := &programs{c: c, size: size, longest: longest, compile: compile, made: make(map[int]*program), borrow: borrow}
	first, err := p.sized(longest)
	if err != nil {
		return nil, err
	}
	if borrow == nil {
		p.borrow = func(q *graph.Program) error { return q.Borrow(first.Program) }
	}
	return p, nil
}

// step is the distance between the lengths that programs are made for, at a length.
func step(length int) int {
	switch {
	case length <= 64:
		return 8
	case length <= 128:
		return 16
	case length <= 256:
		return 32
	}
	return 64
}

// roundedLength is the length of the program for sequences of up to one.
func roundedLength(length, longest int) int {
	d := step(length)
	return min((length+d-1)/d*d, longest)
}

// sized returns the program for sequences of up to a length.
func (p *programs) sized(length int) (*program, error) {
	length = roundedLength(length, p.longest)
	if q := p.made[length]; q != nil {
		return q, nil
	}
	g, scores, err := p.compile(length)
	if err != nil {
		return nil, err
	}
	if p.borrow != nil {
		if err := p.borrow(g); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	q := &program{Program: g, scores: scores, batch: newBatch(p.c, p.size, length)}
	p.made[length] = q
	return q, nil
}

// filled returns a program with examples, at most size, as its inputs. Their losses are means
// over count examples.
func (p *programs) filled(examples []Example, count int) (*program, error) {
	q, err := p.sized(Longest(examples))
	if err != nil {
		return nil, err
	}
	q.fill(examples, count)
	return q, q.set(q.Program)
}

func (p *programs) Close() error {
	var errs []error
	for _, q := range p.made {
		errs = append(errs, q.Program.Close())
	}
	return errors.Join(errs...)
}
