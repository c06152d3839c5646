package gguf

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// File reads a file of llama.cpp. It implements [weights.Source] and [weights.Mapper].
type File struct {
	file  *weights.File
	data  int64 // offset of the data
	meta  Meta
	infos []weights.Info
	index map[string]entry
}

// Open opens a file. The caller closes it.
func Open(path string) (*File, error) { return weights.OpenAs(path, "a GGUF file", read) }

// New reads such a file of size bytes from r. Errors use the given name. Everything before the data is
// checked here: types that cannot be read, inconsistent sizes, overlaps, and a file that is too short are
// errors.
func New(name string, r io.ReaderAt, size int64) (*File, error) {
	return read(weights.NewFile(name, r, size))
}

// IsFile reports whether a file that starts with these bytes is a file of llama.cpp.
func IsFile(start []byte) bool {
	return len(start) >= len(magic) && string(start[:len(magic)]) == magic
}

func read(file *weights.File) (*File, error) {
	f := &File{file: file, index: make(map[string]entry)}
	if err := f.readHeader(newReader(file)); err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return f, nil
}

func (f *File) readHeader(r *reader) error {
	var start [4]byte
	if r.fill(start[:]); !IsFile(start[:]) {
		return errors.New("not a GGUF file")
	}
	switch version := r.uint32(); {
	case version == 1:
		return errors.New("offset 4: GGUF version 1, want 2 or 3; convert the model again with a current llama.cpp")
	case version == 2<<24 || version == 3<<24:
		return errors.New("offset 4: a big-endian GGUF file, want little-endian")
	case r.err == nil && version != 2 && version != 3:
		return fmt.Errorf("offset 4: GGUF version %d, want 2 or 3", version)
	}
	tensors, values := r.uint64(), r.uint64()
	f.meta = r.meta(values)
	entries := r.tensors(tensors)
	if r.err != nil {
		return r.err
	}
	align, err := f.meta.Int("general.alignment", alignment)
	if err != nil {
		return err
	}
	if align < 1 || align > 1<<20 || align&(align-1) != 0 {
		return fmt.Errorf("general.alignment is %d, want a power of two, at most %d", align, 1<<20)
	}
	f.data = (r.at + int64(align) - 1) / int64(align) * int64(align)
	return f.place(entries, uint64(align))
}

// place checks that the tensors lie within the file, and do not overlap.
func (f *File) place(entries []entry, align uint64) error {
	room := uint64(max(f.file.Size()-f.data, 0))
	for _, e := range entries {
		_, twice := f.index[e.Name]
		switch {
		case twice:
			return fmt.Errorf("tensor %s appears twice", weights.Show(e.Name))
		case e.at%align != 0:
			return fmt.Errorf("tensor %s is at offset %d of the data, want a multiple of %d", weights.Show(e.Name), e.at, align)
		case e.bytes > room || e.at > room-e.bytes:
			return fmt.Errorf("tensor %s is %d bytes at offset %d of the data, which has %d: the file is cut short, or broken", weights.Show(e.Name), e.bytes, e.at, room)
		}
		f.infos = append(f.infos, e.Info)
		f.index[e.Name] = e
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.bytes, b.bytes)) })
	for i := 1; i < len(entries); i++ {
		last, next := entries[i-1], entries[i]
		switch room := next.at - last.at; {
		case next.at < last.at+last.bytes:
			return fmt.Errorf("tensors %s and %s overlap", weights.Show(last.Name), weights.Show(next.Name))
		case room-last.bytes >= align:
			return fmt.Errorf("tensor %s has %d bytes before %s begins, want %d for %s: its type or an offset is wrong",
				weights.Show(last.Name), room, weights.Show(next.Name), last.bytes, last.Type)
		}
	}
	return nil
}

// Name returns the path the file was opened by.
func (f *File) Name() string { return f.file.Name() }

// Meta returns the metadata. It belongs to f.
func (f *File) Meta() Meta { return f.meta }

// Tensors describes the tensors, in the order of the file. The slice belongs to f.
func (f *File) Tensors() []weights.Info { return f.infos }

// Lookup describes the tensor of the given name, if there is one.
func (f *File) Lookup(name string) (weights.Info, bool) {
	e, ok := f.index[name]
	return e.Info, ok
}

// Read reads the whole tensor of the given name into dst, row-major. Half-precision numbers are converted,
// and blocks decoded, as in llama.cpp.
func (f *File) Read(name string, dst []float32) error {
	e, ok := f.index[name]
	if !ok {
		return fmt.Errorf("%s: no tensor %s", f.Name(), weights.Show(name))
	}
	if err := weights.CheckRead(e.Info, len(dst)); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if err := f.file.Floats(dst, e.Type, f.data+int64(e.at)); err != nil {
		return fmt.Errorf("%w, in %s", err, weights.Show(name))
	}
	return nil
}

// Pack implements [weights.Packer] for the types that can be computed with. It reads piece by piece, so that
// no tensor is in memory twice.
func (f *File) Pack(name string) (*kernel.Packed, bool, error) {
	e, ok := f.index[name]
	format := weights.PackedFormats[e.Type]
	if !ok || format == 0 || len(e.Shape) == 0 || e.Size() == 0 {
		return nil, false, nil
	}
	fail := func(err error) (*kernel.Packed, bool, error) {
		return nil, false, fmt.Errorf("%s: %s: %w", f.Name(), weights.Show(name), err)
	}
	cols := e.Shape[len(e.Shape)-1]
	m, err := kernel.NewPacked(format, e.Size()/cols, cols)
	if err != nil {
		return fail(err)
	}
	if format == kernel.BF16 {
		if _, err = f.file.ReadAt(m.Codes, f.data+int64(e.at)); err != nil {
			return fail(err)
		}
		return m, false, nil
	}
	const most = 1 << 11 // blocks at a time
	numbers, size := e.Type.Block()
	buf := make([]byte, most*size)
	for at, end := 0, e.Size()/numbers; at < end; at += most {
		part := buf[:min(most, end-at)*size]
		if _, err := f.file.ReadAt(part, f.data+int64(e.at)+int64(at*size)); err != nil {
			return fail(err)
		}
		weights.Unblock(m, at, part)
	}
	return m, false, nil
}

// Map implements [weights.Mapper] for F32.
func (f *File) Map(name string) []float32 {
	e, ok := f.index[name]
	if !ok || e.Type != weights.F32 {
		return nil
	}
	return f.file.Map(e.Size(), f.data+int64(e.at))
}

// Close closes the file. What Map returned remains valid.
func (f *File) Close() error { return f.file.Close() }
