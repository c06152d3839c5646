package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"time"
)

// File is a file that is open for reading. For a path, it is an [*os.File].
type File interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
	Stat() (fs.FileInfo, error)
}

// Open opens a file. Objects are read a range at a time: 64 KiB at first, and up to 8 MiB when they are read
// sequentially.
func Open(name string) (File, error) {
	name, err := Local(name)
	if err != nil {
		return nil, err
	}
	if !IsURL(name) {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	b, p, err := bucket(name)
	if err != nil {
		return nil, err
	}
	o, err := b.Stat(context.Background(), p.key)
	if err != nil {
		return nil, failed("open", name, err)
	}
	return &object{name: name, bucket: b, about: o}, nil
}

// ReadFile reads a file of at most limit bytes.
func ReadFile(name string, limit int64) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", name, limit)
	}
	return text, err
}

// Stat describes a file or a directory. In a store, a name with objects below it is a directory.
func Stat(name string) (fs.FileInfo, error) {
	name, err := Local(name)
	if err != nil {
		return nil, err
	}
	if !IsURL(name) {
		return os.Stat(name)
	}
	b, p, err := bucket(name)
	if err != nil {
		return nil, err
	}
	if p.key != "" {
		o, err := b.Stat(context.Background(), p.key)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return info{o, false}, failed("stat", name, err)
		}
	}
	for _, err := range b.Objects(context.Background(), below(p.key)) {
		return info{Object{Key: cmp.Or(p.key, p.bucket)}, true}, failed("stat", name, err)
	}
	return nil, failed("stat", name, fs.ErrNotExist)
}

// below returns the prefix of the keys below a key.
func below(key string) string {
	if key == "" {
		return ""
	}
	return key + "/"
}

// failed returns an error with the name, like those of package os; nil if err is nil.
func failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Info returns the object's [fs.FileInfo].
func (o Object) Info() fs.FileInfo { return info{o, false} }

// info is an object's [fs.FileInfo].
type info struct {
	Object
	dir bool
}

func (i info) Name() string       { return path.Base(i.Key) }
func (i info) Size() int64        { return i.Object.Size }
func (i info) ModTime() time.Time { return i.Modified }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o777
	}
	return 0o666
}

// Sizes of the ranges in which an object is read.
const (
	firstRange = 64 << 10
	mostRange  = 8 << 20
)

// object is an object open for reading.
type object struct {
	name   string
	bucket Bucket
	about  Object
	at     int64 // of Read

	mu   sync.Mutex
	base int64 // offset of buf
	buf  []byte
	next int // length of the next range
}

// Stat implements File.
func (o *object) Stat() (fs.FileInfo, error) { return o.about.Info(), nil }

// Close implements io.Closer.
func (o *object) Close() error { return nil }

// Read implements io.Reader.
func (o *object) Read(p []byte) (int, error) {
	n, err := o.ReadAt(p[:min(len(p), mostRange)], o.at)
	o.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// Seek implements io.Seeker.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.about.Size
	}
	if offset < 0 {
		return 0, failed("seek", o.name, errors.New("an offset before the start"))
	}
	o.at = offset
	return offset, nil
}

// ReadAt implements io.ReaderAt.
func (o *object) ReadAt(p []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, failed("read", o.name, errors.New("an offset before the start"))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for n < len(p) {
		at := offset + int64(n)
		if at >= o.about.Size {
			return n, io.EOF
		}
		if at < o.base || at >= o.base+int64(len(o.buf)) {
			if err := o.fetch(at, len(p)-n); err != nil {
				return n, err
			}
		}
		n += copy(p[n:], o.buf[at-o.base:])
	}
	return n, nil
}

// fetch reads a range from an offset, of at least want bytes unless the object ends before.
func (o *object) fetch(at int64, want int) error {
	if at != o.base+int64(len(o.buf)) || o.next == 0 {
		o.next = firstRange
	}
	n := min(int64(max(want, o.next)), o.about.Size-at)
	o.next = min(2*o.next, mostRange)
	if int64(cap(o.buf)) < n {
		o.buf = make([]byte, n)
	}
	o.base, o.buf = at, o.buf[:0]
	r, err := o.bucket.Read(context.Background(), o.about.Key, at, n)
	if err != nil {
		return failed("read", o.name, err)
	}
	got, err := io.ReadFull(r, o.buf[:n])
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = fmt.Errorf("it ends at byte %d of %d: the object is cut short, or was changed after it was opened", at+int64(got), o.about.Size)
	}
	if err := cmp.Or(err, r.Close()); err != nil {
		return failed("read", o.name, err)
	}
	o.buf = o.buf[:n]
	return nil
}

// FS returns the files below a name as a file system. Directories in a store cannot be read.
func FS(name string) (fs.FS, error) {
	name, err := Local(name)
	if err != nil {
		return nil, err
	}
	if !IsURL(name) {
		return os.DirFS(cmp.Or(name, ".")), nil
	}
	_, _, err = bucket(name)
	return objects(name), err
}

// objects are the files below a URL.
type objects string

// Open implements fs.FS.
func (o objects) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, failed("open", name, fs.ErrInvalid)
	}
	return Open(Join(string(o), name))
}
