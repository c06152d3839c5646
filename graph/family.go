package graph

import (
	"errors"
	"slices"
)

// Family is the programs of one declaration for several shapes. The shapes of a Gorgonia graph
// are fixed when it is built, so inputs of another shape need another program; a
// Family makes each when it is first wanted, and has them all take turns in one memory. Set Build; the rest may
// be left as it is. A Family is used in one goroutine.
type Family[T any] struct {
	// Build declares and compiles the program for a shape, such as (B, T). With it, it returns
	// what a run needs beside it, such as the nodes of outputs, or buffers for inputs.
	Build func(shape ...int) (*Program, T, error)
	// Round returns the shape of the program that serves a wanted shape, such as one with the length rounded up to a
	// multiple of 64, so that there are few programs. Nil serves each shape with a program of its own.
	Round func(shape ...int) []int
	// Most is how many programs are kept at once: for one more, the one whose last use
	// is the longest ago is closed. 0 is no bound.
	Most int
	// Arena is the memory in which the programs take turns; nil is one of the Family's own. Families that never
	// run at the same time, such as those of training and of evaluation, may share one.
	Arena *Arena

	members []member[T] // the last used at the end
}

// member is a program of a Family.
type member[T any] struct {
	shape   []int
	program *Program
	with    T
}

// For returns the program for a shape, and what Build returned with it. It is valid until
// Most other shapes have been asked for.
func (f *Family[T]) For(shape ...int) (*Program, T, error) {
	if f.Round != nil {
		shape = f.Round(shape...)
	}
	i := slices.IndexFunc(f.members, func(m member[T]) bool { return slices.Equal(m.shape, shape) })
	if i >= 0 {
		m := f.members[i]
		f.members = append(slices.Delete(f.members, i, i+1), m)
		return m.program, m.with, nil
	}
	m, err := f.build(slices.Clone(shape))
	if err != nil {
		return nil, m.with, err
	}
	f.members = append(f.members, m)
	return m.program, m.with, nil
}

// build makes the program for a shape, and room for it.
func (f *Family[T]) build(shape []int) (m member[T], err error) {
	if f.Most > 0 && len(f.members) >= f.Most {
		if err := f.members[0].program.Close(); err != nil {
			return m, err
		}
		f.members = slices.Delete(f.members, 0, 1)
	}
	m.shape = shape
	if m.program, m.with, err = f.Build(shape...); err != nil {
		return m, err
	}
	if f.Arena == nil {
		f.Arena = new(Arena)
	}
	m.program.Share(f.Arena)
	return m, nil
}

// Close ends the programs. The Family may go on, with new ones.
func (f *Family[T]) Close() error {
	var errs []error
	for _, m := range f.members {
		errs = append(errs, m.program.Close())
	}
	f.members = nil
	return errors.Join(errs...)
}
