// Package nearest words the error of an unknown name: it offers the one that was
// probably meant.
package nearest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Unknown is the error of got, which should have been one of known.
func Unknown(what, got string, known []string) error {
	if meant := Of(got, known); meant != "" {
		return fmt.Errorf("unknown %s %q; did you mean %q?", what, got, meant)
	}
	named := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == "" }) // "" is for none, and has no name
	return fmt.Errorf("unknown %s %q; there are %s", what, got, strings.Join(named, ", "))
}

// Of is the one of known that got was probably meant to be, or "".
func Of(got string, known []string) string {
	meant, least := "", 1+max(2, len(got)/3) // beyond, a guess would only confuse
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(got), strings.ToLower(k)); d < least {
			meant, least = k, d
		}
	}
	return meant
}
