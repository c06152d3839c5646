package main

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// unknown is the usage error of a name that is none of known: it offers the nearest.
func unknown(what, got string, known []string) error {
	nearest := slices.MinFunc(known, func(a, b string) int {
		return levenshtein.ComputeDistance(got, a) - levenshtein.ComputeDistance(got, b)
	})
	if levenshtein.ComputeDistance(got, nearest) <= max(2, len(nearest)/3) {
		return usagef("unknown %s %q; did you mean %q?", what, got, nearest)
	}
	return usagef("unknown %s %q; there are %s", what, got, strings.Join(known, ", "))
}
