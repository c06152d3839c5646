package graph

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Gorgonia's own products run on our kernel too. Readers of the setting take no lock,
// so it is made once, before any program runs.
func init() { G.Use(kernel.BLAS{}) }
