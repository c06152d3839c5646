// Package nearest words the error of an unknown name: it offers the one that was
// probably meant.
package nearest

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Unknown is the error of got, which should have been one of known.
func Unknown(what, got string, known []string) error {
	meant, least := "", 1+max(2, len(got)/3) // beyond, a guess would only confuse
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(got), strings.ToLower(k)); d < least {
			meant, least = k, d
		}
	}
	if meant != "" {
		return fmt.Errorf("unknown %s %q; did you mean %q?", what, got, meant)
	}
	return fmt.Errorf("unknown %s %q; there are %s", what, got, strings.Join(known, ", "))
}
