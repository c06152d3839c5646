package datasets

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/store"
)

// openURL is open for objects in an object store.
func (o opening) openURL(spec string) (*Source, error) {
	info, err := store.Stat(spec)
	root, pattern := store.SplitGlob(spec)
	switch {
	case err == nil && !info.IsDir():
		return o.openFile(spec, info)
	case err == nil:
		root, pattern = spec, ""
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case pattern == "":
		return nil, fmt.Errorf("%s: no such object, and no objects with this prefix", spec)
	}
	where := "this folder"
	if pattern != "" {
		where = "what it matches"
	}
	r := remote{collection: collection{opening: o}, root: root}
	if err := r.list(pattern); err != nil {
		return nil, err
	}
	if pattern != "" && len(r.found) == 0 {
		return nil, fmt.Errorf("%s: no object matches", spec)
	}
	if pattern == "" {
		if _, what := r.notData(nil); what != "" {
			return nil, noTextIn(spec, what)
		}
	}
	if err := r.add(pattern); err != nil {
		return nil, err
	}
	return r.source(spec, where)
}

// remote gathers the texts of an object store, by the rules for folders.
type remote struct {
	collection
	root  string
	keys  map[string]bool   // of all objects below root
	found []found           // objects that match
	kinds map[string]string // results of notData by folder
}

// found is an object, and how many elements of its key the pattern matches: fewer than all if it
// matches a folder, which is taken as a whole.
type found struct {
	store.Object
	elements []string
	matched  int
}

// list finds the objects that match a pattern, or all if it is empty, in the order of files in folders.
func (r *remote) list(pattern string) error {
	var parts []string
	if pattern != "" {
		parts = strings.Split(pattern, "/")
		for _, part := range parts {
			if _, err := path.Match(part, ""); err != nil {
				return fmt.Errorf("%s: not a valid glob", store.Join(r.root, pattern))
			}
		}
	}
	r.keys = make(map[string]bool)
	r.kinds = make(map[string]string)
	for o, err := range store.Objects(r.root) {
		if err != nil {
			return err
		}
		r.keys[o.Key] = true
		f := found{Object: o, elements: strings.Split(o.Key, "/")}
		matches := pattern == ""
		for n := 1; n <= len(f.elements) && !matches; n++ {
			f.matched, matches = n, matchParts(parts, f.elements[:n])
		}
		if matches {
			r.found = append(r.found, f)
		}
	}
	slices.SortStableFunc(r.found, func(a, b found) int {
		return cmp.Or(cmp.Compare(path.Join(a.elements[:a.matched]...), path.Join(b.elements[:b.matched]...)),
			slices.Compare(a.elements[a.matched:], b.elements[b.matched:]))
	})
	return nil
}

// add adds the objects that are text.
func (r *remote) add(pattern string) error {
	hidden := strings.HasPrefix(path.Base(pattern), ".") // hidden objects are asked for
	ending := path.Ext(pattern)
	left := map[string]bool{}
	for _, f := range r.found {
		if dir, what := r.notData(f.elements[:len(f.elements)-1]); what != "" {
			if !left[dir] {
				r.leave(what)
			}
			left[dir] = true
			continue
		}
		isHidden := func(name string) bool { return strings.HasPrefix(name, ".") }
		if at := slices.IndexFunc(f.elements, isHidden); at >= 0 && !(hidden && at == f.matched-1) {
			if dir := path.Join(f.elements[:at+1]...); !left[dir] {
				r.leave("hidden")
				left[dir] = true
			}
			continue
		}
		if r.ofPack(f.elements) {
			continue
		}
		r.asked = pattern != "" && f.matched == len(f.elements) && ending != "" && ending == path.Ext(f.Key)
		if err := r.addFile(store.Join(r.root, f.Key), f.Key, f.Info()); err != nil {
			return err
		}
	}
	return nil
}

// notData returns the outermost folder that is known to hold no text, among a folder below the root and its
// parents, with its kind; with no elements, it looks at the root.
func (r *remote) notData(elements []string) (dir, what string) {
	for n := min(1, len(elements)); n <= len(elements); n++ {
		dir := path.Join(elements[:n]...)
		what, ok := r.kinds[dir]
		if !ok {
			what = kindOf(func(name string) bool {
				at := path.Join(dir, name)
				return r.keys[at] || name == "checkpoints" && r.below(at+"/")
			})
			r.kinds[dir] = what
		}
		if what != "" {
			return dir, what
		}
	}
	return "", ""
}

// below reports whether there are objects with a prefix.
func (r *remote) below(prefix string) bool {
	for key := range r.keys {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// ofPack reports whether a key is the index of a folder written by package pack, or a file of its tokenizer.
func (r *remote) ofPack(elements []string) bool {
	last := len(elements) - 1
	if elements[last] == shard.IndexFile {
		return true
	}
	at := slices.Index(elements[:last], shard.TokenizerFolder)
	return at >= 0 && r.keys[path.Join(path.Join(elements[:at]...), shard.IndexFile)]
}
