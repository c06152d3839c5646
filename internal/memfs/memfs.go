// Package memfs is an in-memory file system for a few files: those that the file of a model contains in addition
// to the weights.
package memfs

import (
	"bytes"
	"io/fs"
	"time"
)

// FS maps names to files, all in one folder, which cannot be listed.
type FS map[string][]byte

// Open implements [fs.FS].
func (f FS) Open(name string) (fs.File, error) {
	data, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return file{bytes.NewReader(data), name}, nil
}

// file is an open file and its own fs.FileInfo.
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
