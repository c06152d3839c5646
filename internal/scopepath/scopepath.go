// Package scopepath matches the paths of scopes, such as "h.3.attn", with patterns such as
// "h.*.attn": names between dots, in which * stands for any part of a name.
package scopepath

import "path"

// Inside tells whether the names of a path begin with names that match a pattern's: whether
// the path is at, or below, what the pattern matches.
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
