package finetune

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// programs score sequences of several lengths, so that short ones are not padded to the longest.
type programs = graph.Family[*scored]

// scored is what belongs to a program that scores examples.
type scored struct {
	scores *G.Node
	*batch
}

// step returns the distance, around the given length, between the lengths that programs are made
// for.
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

// roundedLength returns the length of the program for sequences of up to the given length.
func roundedLength(length, longest int) int {
	d := step(length)
	return min((length+d-1)/d*d, longest)
}
