package datasets

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/store"
)

// collection gathers the text files of folders, in lexical order.
type collection struct {
	opening opening
	asked   bool // the file's extension was asked for
	docs    []Document
	left    map[string]int // number of entries left out, by kind
	first   error          // for the first file left out, with advice
	lost    error          // for a .bin file that is not a token shard, as a failed copy leaves it
}

// leave counts an entry that is left out.
func (c *collection) leave(what string) {
	if c.left == nil {
		c.left = map[string]int{}
	}
	c.left[what]++
}

// everything is the filter of addFolder that leaves nothing out.
func everything(string, fs.DirEntry) bool { return true }

// addFolder adds the text files in and below root that keep accepts. Their
// names are prefix and their paths relative to root. Links to folders are not
// followed, but root may be one.
func (c *collection) addFolder(root, prefix string, keep func(name string, d fs.DirEntry) bool) error {
	top := root + string(filepath.Separator) // Lstat follows a link that ends in a separator
	return filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == top {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case ofPack(path): // known not to be text
		case strings.HasPrefix(d.Name(), "."):
			c.leave("hidden")
		case !keep(name, d):
			c.leave("other")
		case d.IsDir():
			what := notData(path)
			if what == "" {
				return nil
			}
			c.leave(what)
		default:
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) {
				c.leave("other") // a link to nowhere, or just deleted
				return nil
			}
			if err != nil {
				return err
			}
			return c.addFile(path, prefix+name, info)
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

// ofPack reports whether a path is the index of a folder written by package pack, or the
// folder of its tokenizer.
func ofPack(path string) bool {
	dir, base := filepath.Split(path)
	switch base {
	case shard.IndexFile:
		return true
	case shard.TokenizerFolder:
		_, err := os.Stat(filepath.Join(dir, shard.IndexFile))
		return err == nil
	}
	return false
}

// addFile adds a file if it is text.
func (c *collection) addFile(path, name string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		c.leave("linked") // to a folder
		return nil
	case !info.Mode().IsRegular():
		c.leave("other")
		return nil
	case info.Size() == 0:
		c.leave("empty")
		if filepath.Ext(store.Base(path)) == ".bin" {
			c.lost = fmt.Errorf("%s: the file is empty, but is among token shards", path)
		}
		return nil
	}
	d, err := c.opening.document(name, path, info.Size(), c.asked)
	if no, ok := errors.AsType[*notText](err); ok && (!c.asked || no.binary()) {
		c.leave(no.class)
		if no.binary() && filepath.Ext(store.Base(path)) == ".bin" {
			c.lost = fmt.Errorf("%s: the file does not begin like a token shard, but is among token shards; fix it or remove it", path)
		}
		if c.first == nil && !no.binary() {
			c.first = err
		}
		return nil
	}
	if err != nil {
		return err
	}
	c.docs = append(c.docs, d)
	return nil
}

// source returns a source of the documents gathered. If there are token shards, everything
// else is left out.
func (c *collection) source(name, where string) (*Source, error) {
	if slices.ContainsFunc(c.docs, Document.tokens) {
		if c.lost != nil { // without it, validation text might be trained on
			return nil, c.lost
		}
		c.docs = slices.DeleteFunc(c.docs, func(d Document) bool {
			if !d.tokens() {
				c.leave("not shards")
			}
			return !d.tokens()
		})
	}
	if len(c.docs) > 0 {
		s := newSource(name, "file", c.docs)
		s.left = c.left
		return s, nil
	}
	if len(c.left) == 0 {
		return nil, fmt.Errorf("%s: no text in %s: it is empty", name, where)
	}
	err := fmt.Errorf("%s: no text in %s, only %s entries", name, where, listed(c.left))
	if c.first != nil {
		err = fmt.Errorf("%w; %w", err, c.first)
	}
	return nil, err
}

// listed formats the counts of what was left out, as in "1 hidden, 2 binary".
func listed(left map[string]int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(left)) {
		parts = append(parts, fmt.Sprintf("%s %s", plural.Thousands(left[what]), what))
	}
	return strings.Join(parts, ", ")
}
