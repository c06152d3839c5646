// Package usage marks errors that whoever called could have known: a value that cannot be, a
// name that there is not. The command ends with status 2 after one, and with 1 after others.
package usage

import (
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Error is wrong usage.
type Error struct{ error }

func (e Error) Unwrap() error { return e.error }

// Of marks an error; nil stays nil.
func Of(err error) error {
	if err == nil {
		return nil
	}
	return Error{err}
}

// Errorf is fmt.Errorf, marked.
func Errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }

// Unknown is the error of a name that is none of known. It offers the nearest.
func Unknown(what, got string, known []string) error {
	return Error{nearest.Unknown(what, got, known)}
}

// Is tells whether an error is wrong usage.
func Is(err error) bool {
	_, is := errors.AsType[Error](err)
	return is
}
