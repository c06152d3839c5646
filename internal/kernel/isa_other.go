//go:build !amd64 || noasm

package kernel

// native returns nothing: there is no assembly for this machine.
func native() []*isa { return nil }

// nativePairs returns nothing either.
func nativePairs() []*isa { return nil }

// pause does nothing.
func pause() {}
