package store

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// Writer writes a file, which exists, complete and under its name, after Commit. Discard abandons it; after Commit it
// does nothing.
type Writer interface {
	io.Writer
	Commit() error
	Discard()
}

// MakeDir creates a directory and its parents. In a store, which has no directories, it does nothing.
func MakeDir(name string) error {
	name, err := Local(name)
	if err == nil && !IsURL(name) {
		err = os.MkdirAll(name, 0o777)
	}
	return err
}

// Create begins a file in an existing directory.
func Create(name string) (Writer, error) {
	name, err := Local(name)
	if err != nil {
		return nil, err
	}
	if !IsURL(name) {
		f, err := wholefile.Create(name)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	b, p, err := bucket(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w, err := b.Write(ctx, p.key)
	if err != nil {
		cancel()
		return nil, failed("create", name, err)
	}
	return &upload{name: name, w: w, cancel: cancel}, nil
}

// Write creates or replaces a file.
func Write(name string, data []byte) error {
	w, err := Create(name)
	if err != nil {
		return err
	}
	defer w.Discard()
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Commit()
}

// upload is an object that is being written.
type upload struct {
	name   string
	w      io.WriteCloser
	cancel context.CancelFunc
	done   bool
	err    error
}

// Write implements io.Writer.
func (u *upload) Write(p []byte) (int, error) {
	n, err := u.w.Write(p)
	if err != nil && u.err == nil {
		u.err = failed("write", u.name, err)
	}
	return n, u.err
}

// Commit implements Writer.
func (u *upload) Commit() error {
	if u.err != nil { // closing it now would keep what was written so far
		u.Discard()
		return u.err
	}
	u.done = true
	defer u.cancel()
	return failed("write", u.name, u.w.Close())
}

// Discard implements Writer.
func (u *upload) Discard() {
	u.cancel() // first: without that, Close commits
	if !u.done {
		u.done = true
		u.w.Close() // fails, as intended
	}
}

// Files yields the files below a name, in lexical order, as slash-separated paths relative to it. If nothing is there, it
// yields nothing.
func Files(name string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for o, err := range Objects(name) {
			if !yield(o.Key, err) || err != nil {
				return
			}
		}
	}
}

// Objects is Files with a description of each file; the keys are the paths.
func Objects(name string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		name, err := Local(name)
		if err != nil {
			yield(Object{}, err)
			return
		}
		if !IsURL(name) {
			localFiles(name, yield)
			return
		}
		b, p, err := bucket(name)
		if err != nil {
			yield(Object{}, err)
			return
		}
		prefix := below(p.key)
		for o, err := range b.Objects(context.Background(), prefix) {
			if err != nil {
				yield(Object{}, failed("list", name, err))
				return
			}
			if o.Key = strings.TrimPrefix(o.Key, prefix); o.Key != "" && !strings.HasSuffix(o.Key, "/") { // keys that end in a slash stand for folders
				if !yield(o, nil) {
					return
				}
			}
		}
	}
}

// localFiles yields the files below a directory.
func localFiles(root string, yield func(Object, error) bool) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		about, err := d.Info()
		if os.IsNotExist(err) { // removed meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		if !yield(Object{Key: filepath.ToSlash(rel), Size: about.Size(), Modified: about.ModTime()}, nil) {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		yield(Object{}, err)
	}
}

// RemoveAll removes a file and everything below a name. If nothing is there, it does nothing. A whole bucket is an error.
func RemoveAll(name string) error {
	name, err := Local(name)
	if err != nil {
		return err
	}
	if !IsURL(name) {
		return os.RemoveAll(name)
	}
	b, p, err := bucket(name)
	if err != nil {
		return err
	}
	if p.key == "" {
		return fmt.Errorf("%s: this names a whole bucket, which is never removed; want a name in it", name)
	}
	ctx := context.Background()
	if _, err := b.Stat(ctx, p.key); err == nil {
		if err := b.Delete(ctx, p.key); err != nil {
			return failed("remove", name, err)
		}
	}
	for o, err := range b.Objects(ctx, below(p.key)) {
		if err == nil {
			err = b.Delete(ctx, o.Key)
		}
		if err != nil {
			return failed("remove", name, err)
		}
	}
	return nil
}
