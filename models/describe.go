package models

import (
	"fmt"

	"github.com/gorgpt/gorgpt/internal/plural"
)

// Describe describes a model with the given name and number of parameters in one line.
func Describe(name string, m Model, params int64) string {
	d := DimsOf(m)
	return fmt.Sprintf("%s: %s parameters, %s, %s, width %d, context %d, vocabulary %d",
		name, plural.Thousands(params), plural.Of(d.Layers, "layer"), plural.Of(d.Heads, "head"), d.Width, d.Context, d.Vocab)
}
