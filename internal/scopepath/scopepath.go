// Package scopepath matches paths of scopes, such as "h.3.attn", with patterns, such as "h.*.attn": names
// separated by dots, in which * stands for any part of a name.
package scopepath

import "path"

// Inside reports whether the first names of a path match the names of a pattern, that is, whether the path is at
// or below what the pattern matches.
func Inside(pattern, names []string) bool {
	if len(names) < len(pattern) {
		return false
	}
	for i, p := range pattern {
		if ok, err := path.Match(p, names[i]); !ok || err != nil {
			return false
		}
	}
	return true
}
