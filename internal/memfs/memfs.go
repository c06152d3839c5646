// Package memfs is a file system of a few files in memory, by their names: what a file of a model
// holds beside its weights.
package memfs

import (
	"bytes"
	"io/fs"
	"time"
)

// FS has files by their names, all in one folder, which is not listed.
type FS map[string][]byte

// Open implements [fs.FS].
func (f FS) Open(name string) (fs.File, error) {
	data, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return file{bytes.NewReader(data), name}, nil
}

// file is an open file, and what is told of it.
type file struct {
	*bytes.Reader
	name string
}

func (f file) Stat() (fs.FileInfo, error) { return f, nil }
func (f file) Close() error               { return nil }
func (f file) Name() string               { return f.name }
func (f file) Mode() fs.FileMode          { return 0o444 }
func (f file) ModTime() time.Time         { return time.Time{} }
func (f file) IsDir() bool                { return false }
func (f file) Sys() any                   { return nil }
