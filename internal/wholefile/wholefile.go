// Package wholefile writes files atomically: a reader, even after a crash or with a full disk, finds either the
// old contents or all of the new ones.
package wholefile

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// suffix is appended to the name under which a file is written. There is only one such name for each file, so
// that crashes leave at most one, which the next writer reuses.
const suffix = ".tmp"

// Write creates or replaces a file.
func Write(path string, data []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// File is a file that is being written. Until Commit, it has a temporary name.
type File struct {
	*os.File
	path string // "" if the file is written in place, or is done
}

var _ io.WriteSeeker = (*File)(nil)

// Create begins a file. If the path exists and is not a regular file, such as /dev/stdout or a pipe, it is
// written in place. A symbolic link is kept, and the file that it points to is replaced.
func Create(path string) (*File, error) {
	info, missing := os.Stat(path)
	if missing == nil {
		if !info.Mode().IsRegular() {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			return &File{File: f}, err
		}
		if to, err := filepath.EvalSymlinks(path); err == nil {
			path = to
		}
	}
	f, err := os.Create(path + suffix)
	if err == nil && missing == nil {
		if err = f.Chmod(info.Mode().Perm()); err != nil { // keep the permissions of the old file
			f.Close()
		}
	}
	if err != nil {
		return nil, named(err, path)
	}
	return &File{File: f, path: path}, nil
}

// Commit completes the file and, once it is on disk, gives it its name.
func (f *File) Commit() error {
	if f.path == "" {
		return f.Close()
	}
	path := f.path
	f.path = ""
	err := cmp.Or(f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+suffix, path)
	}
	if err != nil {
		f.Close()
		os.Remove(path + suffix)
		return named(err, path)
	}
	return SyncDir(filepath.Dir(path))
}

// Discard abandons the file, unless it has been committed.
func (f *File) Discard() {
	f.Close() // returns an error if it has been committed
	if f.path != "" {
		os.Remove(f.path + suffix)
		f.path = ""
	}
}

// Write writes to the file. Errors name the file by its final name.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, named(err, cmp.Or(f.path, f.Name()))
}

// named returns a file system error with the name that the user knows.
func named(err error, path string) error {
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &pathErr):
		return &fs.PathError{Op: pathErr.Op, Path: path, Err: pathErr.Err}
	case errors.As(err, &linkErr):
		return &fs.PathError{Op: linkErr.Op, Path: path, Err: linkErr.Err}
	}
	return err
}

// SyncDir flushes the names in a directory to disk, on systems that support it.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = cmp.Or(f.Sync(), f.Close())
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil // some network file systems
	}
	return err
}
