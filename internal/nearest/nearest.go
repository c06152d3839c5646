// Package nearest formats the error for an unknown name. It suggests the name that was probably meant.
package nearest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Unknown returns the error for got, which should have been one of known.
func Unknown(what, got string, known []string) error {
	if meant := Of(got, known); meant != "" {
		return fmt.Errorf("unknown %s %q; did you mean %q?", what, got, meant)
	}
	named := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == "" }) // "" stands for none and cannot be named
	return fmt.Errorf("unknown %s %q; want one of %s", what, got, strings.Join(named, ", "))
}

// Of returns the element of known that got was probably meant to be, or "".
func Of(got string, known []string) string {
	meant, least := "", 1+max(2, len(got)/3) // a more distant guess would only confuse
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(got), strings.ToLower(k)); d < least {
			meant, least = k, d
		}
	}
	return meant
}
