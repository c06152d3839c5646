package graph

import (
	"errors"
	"slices"
)

// Family holds programs of one declaration for several shapes. The shapes of a Gorgonia graph are fixed when it
// is built, so inputs of another shape need another program. A Family builds each program when it is first
// needed, and all of them take turns in the same memory. Build must be set; the other fields are optional. A
// Family must be used from one goroutine at a time.
type Family[T any] struct {
	// Build declares and compiles the program for a shape, such as (B, T). It also returns what runs need
	// besides the program, such as the output nodes, or buffers for inputs.
	Build func(shape ...int) (*Program, T, error)
	// Round returns the shape of the program that serves a requested shape, for example with the length rounded
	// up to a multiple of 64, so that there are few programs. If nil, each shape has its own program.
	Round func(shape ...int) []int
	// Most is the number of programs that are kept at once; to make room for another, the least recently used
	// one is closed. 0 means no bound.
	Most int
	// Arena is the memory that the programs share; if nil, the Family makes one. Families that never run at the
	// same time, such as those of training and of evaluation, may share an Arena.
	Arena *Arena

	members []member[T] // the most recently used is last
}

// member is a program of a Family.
type member[T any] struct {
	shape   []int
	program *Program
	with    T
}

// For returns the program for a shape, and what Build returned with it. Both are valid until Most other shapes
// have been requested.
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

// build makes the program for a shape, closing another one first if necessary.
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

// Close closes the programs. The Family may be used again, with new ones.
func (f *Family[T]) Close() error {
	var errs []error
	for _, m := range f.members {
		errs = append(errs, m.program.Close())
	}
	f.members = nil
	return errors.Join(errs...)
}
