package llama2c

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// magic begins files of versions 1 and later.
const magic = 0x616b3432

// sizes is the number of bytes of the sizes, and longHeader the offset of the numbers in versions 1 and
// later.
const (
	sizes      = 28
	longHeader = 256
)

// headerSize returns the offset of the numbers in a file of the given version.
func headerSize(version int) int64 {
	if version == 0 {
		return sizes
	}
	return longHeader
}

// File reads tensors from a model file of llama2.c. Names, shapes and the order of rows are those of Hugging
// Face's Llama, without "model." before the names. It implements [weights.Source] and [weights.Mapper].
type File struct {
	file    *weights.File
	dims    Dims
	version int
	group   int // numbers that share a scale, in version 2
	infos   []weights.Info
	places  map[string]place
}

// Open opens a model file. The caller closes it.
func Open(path string) (*File, error) {
	return weights.OpenAs(path, "a model file of llama2.c", read)
}

// New reads such a file of size bytes from r. Errors use the given name.
func New(name string, r io.ReaderAt, size int64) (*File, error) {
	return read(weights.NewFile(name, r, size))
}

// IsFile reports whether a file that starts with these bytes is a file of llama2.c: it has the magic number
// or, since the first form has none, consistent sizes.
func IsFile(start []byte) bool {
	if len(start) < sizes {
		return false
	}
	return binary.LittleEndian.Uint32(start) == magic || dimsOf(start).check() == nil
}

// dimsOf reads the sizes.
func dimsOf(b []byte) Dims {
	var h [7]int
	for i := range h {
		h[i] = int(int32(binary.LittleEndian.Uint32(b[4*i:])))
	}
	d := Dims{Width: h[0], Inner: h[1], Layers: h[2], Heads: h[3], KVHeads: h[4], Vocab: h[5], Context: h[6], Tied: true}
	if d.Vocab < 0 {
		d.Vocab, d.Tied = -d.Vocab, false
	}
	return d
}

func read(file *weights.File) (*File, error) {
	f := &File{file: file, group: 1, places: make(map[string]place)}
	if err := f.readHeader(); err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	places, end := f.dims.places(f.version, f.group)
	if end != file.Size() {
		d := f.dims
		return nil, fmt.Errorf("%s: %d bytes, want %d for width %d, inner width %d, %d layers, %d heads, %d key/value heads, vocabulary %d, context %d (version %d)",
			file.Name(), file.Size(), end, d.Width, d.Inner, d.Layers, d.Heads, d.KVHeads, d.Vocab, d.Context, f.version)
	}
	for _, p := range places {
		f.infos = append(f.infos, p.Info)
		f.places[p.Name] = p
	}
	return f, nil
}

// readHeader reads the version, the sizes and the rest of the header.
func (f *File) readHeader() error {
	header := make([]byte, longHeader)
	if f.file.Size() < longHeader { // too short for any model
		return fmt.Errorf("%d bytes, want a header and weights: not a model file of llama2.c", f.file.Size())
	}
	if n, err := f.file.ReadAt(header, 0); err != nil {
		return fmt.Errorf("offset %d: %w", n, err)
	}
	at := 0
	if binary.LittleEndian.Uint32(header) == magic {
		at, f.version = 8, int(int32(binary.LittleEndian.Uint32(header[4:])))
		if f.version != 1 && f.version != 2 {
			return fmt.Errorf("offset 4: version %d, want 1 (float32) or 2 (8 bits), or a file in the original format, without a magic number", f.version)
		}
	}
	f.dims = dimsOf(header[at:])
	if f.version > 0 {
		shared := header[at+sizes]
		if shared > 1 || !f.dims.Tied {
			return fmt.Errorf("offset %d: the shared-classifier flag is %d and the vocabulary %d, want 0 or 1, and above 0", at+sizes, shared, int32(binary.LittleEndian.Uint32(header[at+20:])))
		}
		f.dims.Tied = shared == 1
	}
	if err := f.dims.check(); err != nil {
		return fmt.Errorf("offset %d: %w", at, err)
	}
	if f.version == 2 {
		f.group = int(int32(binary.LittleEndian.Uint32(header[at+sizes+1:])))
		// Matrices of the inner width also have Width rows or columns, so that groups fill them, across rows if need be.
		if f.group < 1 || f.dims.Width%f.group != 0 {
			return fmt.Errorf("offset %d: groups of %d numbers, want a divisor of the width %d", at+sizes+1, f.group, f.dims.Width)
		}
	}
	return nil
}

// Name returns the path the file was opened by.
func (f *File) Name() string { return f.file.Name() }

// Dims returns the sizes in the header.
func (f *File) Dims() Dims { return f.dims }

// Version returns the version: 0 for the first form, 1 or 2.
func (f *File) Version() int { return f.version }

// Tensors describes the tensors, in the order of the file. The slice belongs to f.
func (f *File) Tensors() []weights.Info { return f.infos }

// Read reads the whole tensor of the given name into dst, row-major, in Hugging Face's layout.
func (f *File) Read(name string, dst []float32) error {
	p, ok := f.places[name]
	if !ok {
		return fmt.Errorf("%s: no tensor %s", f.Name(), weights.Show(name))
	}
	if err := weights.CheckRead(p.Info, len(dst)); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	to := dst
	if p.heads > 0 {
		to = make([]float32, len(dst))
	}
	if err := f.numbers(to, p); err != nil {
		return fmt.Errorf("%w, in %s", err, name)
	}
	if p.heads > 0 {
		weights.Halves(dst, to, p.heads, p.Shape[1])
	}
	return nil
}

// numbers reads those of a tensor in the order of the file.
func (f *File) numbers(dst []float32, p place) error {
	if p.scale == 0 {
		return f.file.Floats(dst, p.Type, p.at)
	}
	scales := make([]float32, len(dst)/f.group)
	if err := f.file.Floats(scales, weights.F32, p.scale); err != nil {
		return err
	}
	for i, s := range scales {
		if !(s >= 0) || s > math.MaxFloat32 {
			return fmt.Errorf("%s: offset %d: want the scales after the numbers of each matrix, as llama2.c has written them since runq.c was added; got a scale of %v", f.Name(), p.scale+int64(4*i), s)
		}
	}
	whole, err := f.file.Raw(p.at, int64(len(dst)))
	if err != nil {
		return err
	}
	for i, v := range whole {
		dst[i] = float32(int8(v)) * scales[i/f.group]
	}
	return nil
}

// Map implements [weights.Mapper] for tensors that have the same layout in the file.
func (f *File) Map(name string) []float32 {
	p, ok := f.places[name]
	if !ok || p.scale != 0 || p.heads > 0 {
		return nil
	}
	return f.file.Map(p.Size(), p.at)
}

// Close closes the file. What Map returned remains valid.
func (f *File) Close() error { return f.file.Close() }
