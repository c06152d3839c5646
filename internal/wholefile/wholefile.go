// Package wholefile writes files that are whole: whoever opens one, also after a crash or on
// a full disk, finds what was there before or all of what was written.
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

// suffix ends the name under which a file is written. There is one for a file, so that crashes
// leave one at most, which the next writer takes.
const suffix = ".tmp"

// Write makes or replaces a file.
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

// File is a file that is being written. Between Create and Commit it has another name.
type File struct {
	*os.File
	path string // "" if it is written in place, or done
}

var _ io.WriteSeeker = (*File)(nil)

// Create begins a file. What is there already and is not a regular file, as /dev/stdout or a
// pipe, is written as it is; a link stays, and what it points at is replaced.
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
		if err = f.Chmod(info.Mode().Perm()); err != nil { // who may read a file is not ours to change
			f.Close()
		}
	}
	if err != nil {
		return nil, named(err, path)
	}
	return &File{File: f, path: path}, nil
}

// Commit ends the file and gives it its name, once it is on the disk.
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

// Discard gives the file up, unless it is done.
func (f *File) Discard() {
	f.Close() // an error, if it is done
	if f.path != "" {
		os.Remove(f.path + suffix)
		f.path = ""
	}
}

// Write names the file as it will be called where a write fails.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, named(err, cmp.Or(f.path, f.Name()))
}

// named is an error of the file system with the name that the user knows.
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

// SyncDir flushes the names in a directory to the disk, where the system has a way to.
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
