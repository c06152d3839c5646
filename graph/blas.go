package graph

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Gorgonia's own products run on our kernel too. The setting is read without a lock, so it is made once, before
// any program runs.
func init() { G.Use(kernel.BLAS{}) }
