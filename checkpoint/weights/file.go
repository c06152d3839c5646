package weights

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"unsafe"

	"github.com/gorgpt/gorgpt/internal/filekind"
)

// File is a file of numbers that is read at any place. Its methods may be called
// at the same time from several goroutines.
type File struct {
	name string
	r    io.ReaderAt
	size int64

	file   *os.File // nil without a file system
	once   sync.Once
	mapped []byte // all of the file, once Map was called and succeeded
}

// Open opens a regular file. The caller closes it. The format is for the error,
// as in "a safetensors file".
func Open(path, format string) (*File, error) {
	// Asked before opening, since opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a file, want %s", path, format)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err == nil {
		err = filekind.CheckPointer(file)
	}
	if err != nil {
		file.Close() // only read from: nothing to lose
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &File{name: path, r: file, size: info.Size(), file: file}, nil
}

// OpenAs opens a file and makes of it what read does, which takes it over; where that fails, it
// is closed. The format is named as in Open.
func OpenAs[F any](path, format string, read func(*File) (*F, error)) (*F, error) {
	file, err := Open(path, format)
	if err != nil {
		return nil, err
	}
	f, err := read(file)
	if err != nil {
		file.Close() // only read from: nothing to lose
		return nil, err
	}
	return f, nil
}

// NewFile is a file of size bytes in r, such as a *bytes.Reader. Errors call it by
// the name given.
func NewFile(name string, r io.ReaderAt, size int64) *File {
	return &File{name: name, r: r, size: size}
}

// Name returns the path the file was opened by.
func (f *File) Name() string { return f.name }

// Size returns the bytes of the file when it was opened.
func (f *File) Size() int64 { return f.size }

// Close closes the file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// ReadAt fills p with the bytes at an offset, or returns an error that lacks the
// file's name. It is an [io.ReaderAt].
func (f *File) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.r.ReadAt(p, at)
	if n == len(p) {
		return n, nil
	}
	if err == io.EOF {
		if at+int64(len(p)) <= f.size {
			return n, fmt.Errorf("%d bytes, want %d: the file has shrunk", n, len(p))
		}
		return n, err
	}
	return n, Bare(err)
}

// piece is how many bytes are converted at a time, at most: they stay in a core's cache.
const piece = 1 << 16

// Floats reads len(dst) numbers of a readable type, whole blocks of them, at an offset. The error names
// the file and the offset.
func (f *File) Floats(dst []float32, t DType, at int64) error {
	return f.floats(dst, t, at, func([]byte) {})
}

// SummedFloats is Floats, and the CRC-32C of the bytes that it read.
func (f *File) SummedFloats(dst []float32, t DType, at int64) (uint32, error) {
	sum := uint32(0)
	err := f.floats(dst, t, at, func(b []byte) { sum = crc32.Update(sum, Castagnoli, b) })
	return sum, err
}

// floats hands all bytes to see, in their order.
func (f *File) floats(dst []float32, t DType, at int64, see func([]byte)) error {
	if t == F32 && littleEndian {
		if _, err := f.ReadAt(Bytes(dst), at); err != nil {
			return fmt.Errorf("%s: offset %d: %w", f.name, at, err)
		}
		see(Bytes(dst))
		return nil
	}
	numbers, bytes := t.Block()
	buf := make([]byte, min(len(dst)/numbers*bytes, piece))
	for len(dst) > 0 {
		n := min(len(dst)/numbers, len(buf)/bytes) // blocks
		if _, err := f.ReadAt(buf[:n*bytes], at); err != nil {
			return fmt.Errorf("%s: offset %d: %w", f.name, at, err)
		}
		see(buf[:n*bytes])
		Decode(dst[:n*numbers], buf, t)
		dst = dst[n*numbers:]
		at += int64(n * bytes)
	}
	return nil
}

// Map returns n float32 at an offset as they lie in the mapped file; see [Mapper].
// It returns nil if they are not at a multiple of four bytes, or cannot be mapped.
func (f *File) Map(n int, at int64) []float32 {
	if n == 0 || at < 0 || at%4 != 0 || !littleEndian || f.file == nil || int64(n) > (f.size-at)/4 {
		return nil
	}
	f.once.Do(func() { f.mapped = mapFile(f.file, f.size) })
	if f.mapped == nil {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&f.mapped[at])), n)
}

// Raw returns size bytes at an offset: as they lie in the mapped file, which are not to be written, or read where it
// cannot be mapped. The error names the file and the offset.
func (f *File) Raw(at, size int64) ([]byte, error) {
	if f.file != nil && at >= 0 && size > 0 && size <= f.size-at {
		f.once.Do(func() { f.mapped = mapFile(f.file, f.size) })
		if f.mapped != nil {
			return f.mapped[at : at+size : at+size], nil
		}
	}
	raw := make([]byte, size)
	if _, err := f.ReadAt(raw, at); err != nil {
		return nil, fmt.Errorf("%s: offset %d: %w", f.name, at, err)
	}
	return raw, nil
}

// Bare returns an error of the file system without the path that it carries, for
// callers that say themselves where it happened.
func Bare(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
