package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Open returns the text that spec names:
//
//   - "go": the Go standard library's source, from the toolchain of this
//     machine (./go for a file or folder of that name)
//   - a file, as one document
//   - a folder: all files in it and below, each a document, but no hidden ones
//     (".git"), no empty and no binary ones (a NUL in the first 8 KiB)
//   - a glob as in path/filepath.Match ("texts/*.txt"): the files and folders
//     that match it, taken as above
//
// Where there is no text, the error says what was found instead.
func Open(spec string) (*Source, error) {
	switch spec {
	case "":
		return nil, errors.New(`no data: want a file, a folder, a glob or "go"`)
	case "go":
		return goSource()
	}
	info, err := os.Stat(spec)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if strings.ContainsAny(spec, "*?[") {
			return openGlob(spec)
		}
		return nil, fmt.Errorf("%s: no such file or folder", spec)
	case err != nil:
		return nil, err
	case info.IsDir():
		return openFolder(spec)
	}
	return openFile(spec, info)
}

func openFile(name string, info fs.FileInfo) (*Source, error) {
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: neither a file nor a folder: text is read more than once", name)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s: the file is empty", name)
	}
	f, err := os.Open(name) // now, not at the first batch, if it cannot be read
	if err != nil {
		return nil, err
	}
	f.Close()
	return newSource(name, "file", []Document{fileDocument(filepath.Base(name), name, info.Size())}), nil
}

func fileDocument(name, path string, size int64) Document {
	return Document{
		Name: name,
		Size: size,
		Open: func() (Content, error) { return os.Open(path) },
		path: path,
	}
}

func openFolder(root string) (*Source, error) {
	var c collection
	if err := c.addFolder(root, "", everything); err != nil {
		return nil, err
	}
	if len(c.docs) == 0 {
		return nil, fmt.Errorf("%s: no text in this folder%s", root, c.skipped())
	}
	return newSource(root, "file", c.docs), nil
}

func openGlob(pattern string) (*Source, error) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: not a valid glob", pattern)
	}
	if len(matches) == 0 {
		return nil, fmt.Errorf("%s: no file matches", pattern)
	}
	root := filepath.Dir(pattern[:strings.IndexAny(pattern, "*?[")] + "x")
	hidden := strings.HasPrefix(filepath.Base(pattern), ".")
	var c collection
	for _, path := range matches {
		name, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(filepath.Base(path), ".") && !hidden {
			c.hidden++
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, err
		case info.IsDir():
			err = c.addFolder(path, filepath.ToSlash(name)+"/", everything)
		default:
			err = c.addFile(path, filepath.ToSlash(name), info)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(c.docs) == 0 {
		return nil, fmt.Errorf("%s: no text in what it matches%s", pattern, c.skipped())
	}
	return newSource(pattern, "file", c.docs), nil
}

// collection gathers the text files of folders, in lexical order.
type collection struct {
	docs                         []Document
	hidden, binary, empty, other int // left out
}

// everything is the filter of addFolder that leaves nothing out.
func everything(string, fs.DirEntry) bool { return true }

// addFolder adds the text files in and below root that keep lets pass. Their
// names are their paths from there, after prefix. Links to folders are not
// followed, but root may be one.
func (c *collection) addFolder(root, prefix string, keep func(name string, d fs.DirEntry) bool) error {
	top := root + string(filepath.Separator) // Lstat of this follows a link
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
		case strings.HasPrefix(d.Name(), "."):
			c.hidden++
		case !keep(name, d):
			c.other++
		case d.IsDir():
			return nil
		default:
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) {
				c.other++ // a link to nowhere, or just deleted
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

// addFile adds a file if it is text.
func (c *collection) addFile(path, name string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		c.other++
		return nil
	case info.Size() == 0:
		c.empty++
		return nil
	}
	binary, err := isBinary(path)
	if err != nil {
		return err
	}
	if binary {
		c.binary++
		return nil
	}
	c.docs = append(c.docs, fileDocument(name, path, info.Size()))
	return nil
}

// isBinary reports whether the first 8 KiB of a file have a NUL, as Git does.
func isBinary(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var head [8 << 10]byte
	n, err := io.ReadFull(f, head[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, err
	}
	return bytes.IndexByte(head[:n], 0) >= 0, nil
}

// skipped lists what was left out, for an error.
func (c *collection) skipped() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.hidden, "hidden"}, {c.empty, "empty"}, {c.binary, "binary"}, {c.other, "other"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if parts == nil {
		return ": it is empty"
	}
	return ", only " + strings.Join(parts, ", ") + " entries"
}
