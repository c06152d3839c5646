// Package usage marks errors that are the caller's mistake, such as an invalid value or an unknown name. After
// such an error, the command exits with status 2; after others, with 1.
package usage

import (
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Error is an error in usage.
type Error struct{ error }

func (e Error) Unwrap() error { return e.error }

// Of marks an error as an error in usage; nil stays nil.
func Of(err error) error {
	if err == nil {
		return nil
	}
	return Error{err}
}

// Errorf is fmt.Errorf with the result marked as an error in usage.
func Errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }

// Unknown returns the error for a name that is not among the known ones. It suggests the nearest.
func Unknown(what, got string, known []string) error {
	return Error{nearest.Unknown(what, got, known)}
}

// Is reports whether an error is marked as an error in usage.
func Is(err error) bool {
	_, is := errors.AsType[Error](err)
	return is
}
