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

// File is a file of numbers with random access. Its methods may be called concurrently.
type File struct {
	name string
	r    io.ReaderAt
	size int64

	file   *os.File // nil if the file was made by NewFile
	once   sync.Once
	mapped []byte // the whole file, once Map or Raw has mapped it
}

// Open opens a regular file. The caller closes it. format describes the expected file in errors, as in "a
// safetensors file".
func Open(path, format string) (*File, error) {
	// Checked before opening, since opening a pipe would wait for its writer.
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

// OpenAs opens a file and returns what read makes from it. read takes ownership of the file; if it fails, the
// file is closed. format is as in Open.
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

// NewFile returns a file of size bytes that are read from r, such as a *bytes.Reader. Errors use the given
// name.
func NewFile(name string, r io.ReaderAt, size int64) *File {
	return &File{name: name, r: r, size: size}
}

// Name returns the path the file was opened by.
func (f *File) Name() string { return f.name }

// Size returns the size of the file in bytes when it was opened.
func (f *File) Size() int64 { return f.size }

// Close closes the file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// ReadAt implements [io.ReaderAt]. Its errors lack the file's name.
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

// piece is the maximum number of bytes converted at a time, so that they stay in a core's cache.
const piece = 1 << 16

// Floats reads len(dst) numbers of a readable type at an offset. They must be whole blocks. Errors name the
// file and the offset.
func (f *File) Floats(dst []float32, t DType, at int64) error {
	return f.floats(dst, t, at, func([]byte) {})
}

// SummedFloats is Floats that also returns the CRC-32C of the bytes read.
func (f *File) SummedFloats(dst []float32, t DType, at int64) (uint32, error) {
	sum := uint32(0)
	err := f.floats(dst, t, at, func(b []byte) { sum = crc32.Update(sum, Castagnoli, b) })
	return sum, err
}

// floats passes all bytes to see, in order.
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

// Map returns n float32 at an offset as they are in the mapped file; see [Mapper]. It returns nil if the
// offset is not a multiple of four, or if the file cannot be mapped.
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

// Raw returns size bytes at an offset. If the file can be mapped, they are those of the mapping and must not
// be written to; otherwise they are read. Errors name the file and the offset.
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

// Bare returns an error of the file system without its path, for callers that report the path themselves.
func Bare(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
