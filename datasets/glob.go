package datasets

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// glob returns the paths that match a pattern, in lexical order. Patterns are those of
// filepath.Glob, and ** matches any number of folders, none of them hidden or a link. If a
// pattern with ** matches a folder, the files in the folder are not listed as well.
func glob(pattern string) ([]string, error) {
	parts := strings.Split(filepath.ToSlash(pattern), "/")
	first := slices.Index(parts, "**")
	if first < 0 {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			err = errors.New("not a valid glob")
		}
		return matches, err
	}
	for _, part := range parts {
		if _, err := filepath.Match(part, ""); err != nil {
			return nil, errors.New("not a valid glob")
		}
	}
	roots := []string{filepath.FromSlash(strings.Join(parts[:first], "/"))}
	if first == 0 {
		roots = []string{"."}
	} else if roots[0] == "" {
		roots = []string{"/"}
	} else if strings.ContainsAny(roots[0], "*?[") {
		var err error
		if roots, err = filepath.Glob(roots[0]); err != nil {
			return nil, errors.New("not a valid glob")
		}
	}
	var matches []string
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				if path == root && errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				return err
			}
			if path == root {
				return nil
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			hidden := strings.HasPrefix(d.Name(), ".")
			if matchParts(parts[first:], strings.Split(filepath.ToSlash(rel), "/")) {
				matches = append(matches, path)
				hidden = true // a matched folder is taken as a whole
			}
			if d.IsDir() && hidden {
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(matches)
	return slices.Compact(matches), nil
}

// matchParts matches the elements of a path with those of a pattern.
func matchParts(pattern, path []string) bool {
	if len(pattern) == 0 {
		return len(path) == 0
	}
	if pattern[0] == "**" {
		for n := range len(path) + 1 {
			if matchParts(pattern[1:], path[n:]) {
				return true
			}
		}
		return false
	}
	if len(path) == 0 {
		return false
	}
	ok, err := filepath.Match(pattern[0], path[0])
	return ok && err == nil && matchParts(pattern[1:], path[1:])
}
