//go:build !amd64 || noasm

package kernel

import "errors"

// native returns nothing: there is no assembly for this machine.
func native() []*isa { return nil }

// nativePairs returns none either, and the reason.
func nativePairs() ([]*isa, error) {
	return nil, errors.New("this is neither, or assembly was left out")
}

// pause does nothing.
func pause() {}
