//go:build !linux && !darwin

package checkpoint

import "errors"

// exchange would swap two directories in one step; this system cannot.
func exchange(a, b string) error { return errors.ErrUnsupported }
