package safetensors

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// File reads tensors from a file in the safetensors format. It implements [weights.Source] and
// [weights.Mapper].
type File struct {
	file     *weights.File
	data     int64 // offset of the data in the file
	infos    []weights.Info
	index    map[string]entry
	metadata map[string]string
	sums     map[string]string // checksums by name; nil if the file has none
}

// Open opens a safetensors file. The caller closes it.
func Open(path string) (*File, error) {
	return weights.OpenAs(path, "a safetensors file", read)
}

// OpenIndex opens a model.safetensors.index.json and the files that it names; see [weights.OpenIndex].
func OpenIndex(path string) (weights.Source, error) {
	return weights.OpenIndex(path, func(path string) (weights.Source, error) { return Open(path) })
}

// New reads safetensors of size bytes from r, such as a *bytes.Reader. Errors use the given name. The whole
// header is checked here: unknown number types, inconsistent sizes, gaps, overlaps, and a file that is too
// short or too long are errors.
func New(name string, r io.ReaderAt, size int64) (*File, error) {
	return read(weights.NewFile(name, r, size))
}

func read(file *weights.File) (*File, error) {
	name, size := file.Name(), file.Size()
	if size < 8 {
		return nil, fmt.Errorf("%s: %d bytes, want at least 8: not a safetensors file", name, size)
	}
	var length [8]byte
	if _, err := file.ReadAt(length[:], 0); err != nil {
		return nil, fmt.Errorf("%s: offset 0: %w", name, err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if limit := min(uint64(size)-8, maxHeader); n > limit {
		return nil, fmt.Errorf("%s: offset 0: header length %d, want at most %d: not a safetensors file, or cut short", name, n, limit)
	}
	header := make([]byte, n)
	if _, err := file.ReadAt(header, 8); err != nil {
		return nil, fmt.Errorf("%s: offset 8: %w", name, err)
	}
	entries, metadata, err := parseHeader(header, uint64(size)-8-n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	sums, err := readChecksums(metadata)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := &File{file: file, data: 8 + int64(n), index: make(map[string]entry, len(entries)), metadata: metadata, sums: sums}
	for _, e := range entries {
		f.infos = append(f.infos, e.Info)
		f.index[e.Name] = e
	}
	return f, nil
}

// Name returns the path the file was opened by.
func (f *File) Name() string { return f.file.Name() }

// Tensors describes the tensors, in the order of the file. The slice belongs
// to f.
func (f *File) Tensors() []weights.Info { return f.infos }

// Lookup describes the tensor of the given name, if there is one.
func (f *File) Lookup(name string) (weights.Info, bool) {
	e, ok := f.index[name]
	return e.Info, ok
}

// Metadata returns the map of strings in the header, or nil if there is none. The map belongs to f.
func (f *File) Metadata() map[string]string { return f.metadata }

// Read reads the whole tensor of the given name into dst, row-major. len(dst) must be the tensor's size. F16
// and BF16 are converted, which is exact, and F64 is rounded; types other than these and F32 are errors. If
// the file has checksums, it is an error if the tensor differs from its own.
func (f *File) Read(name string, dst []float32) error {
	e, ok := f.index[name]
	if !ok {
		return fmt.Errorf("%s: no tensor %s", f.Name(), weights.Show(name))
	}
	if err := weights.CheckRead(e.Info, len(dst)); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	sum, err := f.file.SummedFloats(dst, e.Type, f.data+int64(e.begin))
	if err != nil {
		return fmt.Errorf("%w, in %s", err, weights.Show(name))
	}
	return f.check(name, sum)
}

// Map implements [weights.Mapper] for F32 at a multiple of four bytes, as in all files written today.
func (f *File) Map(name string) []float32 {
	e, ok := f.index[name]
	if !ok || e.Type != weights.F32 {
		return nil
	}
	return f.file.Map(e.Size(), f.data+int64(e.begin))
}

// Raw implements [weights.Rawer].
func (f *File) Raw(name string) ([]byte, error) {
	e, ok := f.index[name]
	if !ok {
		return nil, fmt.Errorf("%s: no tensor %s", f.Name(), weights.Show(name))
	}
	raw, err := f.file.Raw(f.data+int64(e.begin), int64(e.end-e.begin))
	if err != nil {
		return nil, fmt.Errorf("%w, in %s", err, weights.Show(name))
	}
	return raw, f.check(name, crc32.Checksum(raw, weights.Castagnoli))
}

// Pack implements [weights.Packer] for BF16. It copies to newly allocated memory with large pages, since
// reading from the pages of a mapped file is slower.
func (f *File) Pack(name string) (*kernel.Packed, bool, error) {
	e, ok := f.index[name]
	if !ok || e.Type != weights.BF16 || len(e.Shape) == 0 || e.Size() == 0 {
		return nil, false, nil
	}
	cols := e.Shape[len(e.Shape)-1]
	m, err := kernel.NewPacked(kernel.BF16, e.Size()/cols, cols)
	if err == nil {
		_, err = f.file.ReadAt(m.Codes, f.data+int64(e.begin))
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %s: %w", f.Name(), weights.Show(name), err)
	}
	return m, false, f.check(name, crc32.Checksum(m.Codes, weights.Castagnoli))
}

// Close closes the file. What Map returned remains valid.
func (f *File) Close() error { return f.file.Close() }
