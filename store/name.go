package store

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// parts are the parts of a URL: s3://bucket/key?settings.
type parts struct{ scheme, bucket, key, settings string }

var (
	scheme   = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]+)://`) // two letters or more: C:\ is a path
	settings = regexp.MustCompile(`\?[a-zA-Z][\w.-]*=[^?]*$`)      // unlike the ? of a glob
)

// IsURL reports whether a name is that of an object, or of all objects below a prefix, in a store: not a path, and
// not file:.
func IsURL(name string) bool {
	found := scheme.FindString(name)
	return found != "" && !strings.EqualFold(found, "file://")
}

// Local returns the path that a file: URL stands for, and any other name as it is. Such a URL with a host, or
// without an absolute path, is an error.
func Local(name string) (string, error) {
	found := scheme.FindString(name)
	if !strings.EqualFold(found, "file://") {
		return name, nil
	}
	rest := strings.TrimPrefix(name[len(found):], "localhost")
	if !strings.HasPrefix(rest, "/") {
		return "", fmt.Errorf("%s: want an absolute path, as in file:///data/texts, or the path alone", name)
	}
	if at := settings.FindStringIndex(rest); at != nil {
		return "", fmt.Errorf("%s: a file: URL takes no settings; leave out %s", name, rest[at[0]:])
	}
	if runtime.GOOS == "windows" {
		rest = strings.TrimPrefix(rest, "/")
	}
	return filepath.FromSlash(rest), nil
}

// parse takes a URL apart.
func parse(name string) (p parts, err error) {
	p.scheme = scheme.FindString(name)
	rest := name[len(p.scheme):]
	p.scheme = strings.ToLower(strings.TrimSuffix(p.scheme, "://"))
	if at := settings.FindStringIndex(rest); at != nil {
		rest, p.settings = rest[:at[0]], rest[at[0]:]
	}
	p.bucket, p.key, _ = strings.Cut(rest, "/")
	if p.bucket == "" {
		return p, fmt.Errorf("%s: want a bucket after the scheme, as in s3://bucket/key", name)
	}
	p.key = strings.Trim(p.key, "/")
	return p, nil
}

// root returns the URL of the bucket, by which drivers open it.
func (p parts) root() string { return p.scheme + "://" + p.bucket + p.settings }

func (p parts) String() string {
	name := p.scheme + "://" + p.bucket
	if p.key != "" {
		name += "/" + p.key
	}
	return name + p.settings
}

// SplitGlob splits a URL before the first element of its key that has a wildcard; pattern is empty if there is none.
func SplitGlob(name string) (root, pattern string) {
	p, err := parse(name)
	if err != nil {
		return name, ""
	}
	elements := strings.Split(p.key, "/")
	n := slices.IndexFunc(elements, func(e string) bool { return strings.ContainsAny(e, "*?[") })
	if n < 0 {
		return name, ""
	}
	p.key = strings.Join(elements[:n], "/")
	return p.String(), strings.Join(elements[n:], "/")
}

// change returns a URL with its key changed by key, or a path, including that of a file: URL, changed by local.
func change(name string, key, local func(string) string) string {
	if !IsURL(name) {
		if path, err := Local(name); err == nil {
			name = path
		}
		return local(name)
	}
	p, err := parse(name)
	if err != nil {
		return name // opening it fails with this error
	}
	if p.key = key(p.key); p.key == "." {
		p.key = ""
	}
	return p.String()
}

// Join joins a name and path elements below it, like filepath.Join.
func Join(name string, elements ...string) string {
	return change(name,
		func(key string) string {
			for _, e := range elements {
				key = path.Join(key, filepath.ToSlash(e))
			}
			return key
		},
		func(local string) string { return filepath.Join(append([]string{local}, elements...)...) })
}

// Dir returns all but the last element of a name, like filepath.Dir.
func Dir(name string) string { return change(name, path.Dir, filepath.Dir) }

// Base returns the last element of a name, like filepath.Base. For a whole bucket, it is the name of the bucket.
func Base(name string) string {
	if !IsURL(name) {
		return change(name, nil, filepath.Base)
	}
	p, err := parse(name)
	switch {
	case err != nil:
		return name
	case p.key == "":
		return p.bucket
	}
	return path.Base(p.key)
}
