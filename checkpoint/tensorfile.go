package checkpoint

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// TensorFile reads tensors from a file in the safetensors format. Its methods
// may be called at the same time from several goroutines.
type TensorFile struct {
	name     string
	r        io.ReaderAt
	close    func() error
	data     int64 // offset of the data in the file
	infos    []Info
	index    map[string]int
	metadata map[string]string
}

// OpenTensors opens a safetensors file. The caller closes it.
func OpenTensors(path string) (*TensorFile, error) {
	// Asked before opening, since opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a file, want a safetensors file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err != nil {
		file.Close() // only read from: nothing to lose
		return nil, err
	}
	f, err := NewTensorFile(path, file, info.Size())
	if err != nil {
		file.Close()
		return nil, err
	}
	f.close = file.Close
	return f, nil
}

// NewTensorFile reads safetensors of size bytes from r, such as a
// *bytes.Reader. Errors call it by the name given. The header is checked
// wholly here: unknown number types, sizes that disagree, gaps, overlaps, and
// a file that is too short or too long are errors.
func NewTensorFile(name string, r io.ReaderAt, size int64) (*TensorFile, error) {
	if size < 8 {
		return nil, fmt.Errorf("%s: %d bytes, want at least 8: not a safetensors file", name, size)
	}
	var length [8]byte
	if err := readAt(r, length[:], 0); err != nil {
		return nil, fmt.Errorf("%s: offset 0: %w", name, err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if limit := min(uint64(size)-8, maxHeader); n > limit {
		return nil, fmt.Errorf("%s: offset 0: header length %d, want at most %d: not a safetensors file, or cut short", name, n, limit)
	}
	header := make([]byte, n)
	if err := readAt(r, header, 8); err != nil {
		return nil, fmt.Errorf("%s: offset 8: %w", name, err)
	}
	infos, metadata, err := parseHeader(header, uint64(size)-8-n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	index := make(map[string]int, len(infos))
	for i, t := range infos {
		index[t.Name] = i
	}
	return &TensorFile{name: name, r: r, data: 8 + int64(n), infos: infos, index: index, metadata: metadata}, nil
}

// Name returns the path the file was opened by.
func (f *TensorFile) Name() string { return f.name }

// Tensors describes the tensors, in the order of the file. The slice belongs
// to f.
func (f *TensorFile) Tensors() []Info { return f.infos }

// Lookup describes the tensor of the given name, if there is one.
func (f *TensorFile) Lookup(name string) (Info, bool) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, false
	}
	return f.infos[i], true
}

// Metadata returns the text that the header carries beside the tensors, nil if
// none. The map belongs to f.
func (f *TensorFile) Metadata() map[string]string { return f.metadata }

// Read reads the whole tensor of the given name into dst, row-major.
// len(dst) must be the tensor's size. F16 and BF16 are converted, which is
// exact; other types than these and F32 are errors.
func (f *TensorFile) Read(name string, dst []float32) error {
	t, ok := f.Lookup(name)
	if !ok {
		return fmt.Errorf("%s: no tensor %s", f.name, show(name))
	}
	if !t.Type.readable() {
		return fmt.Errorf("%s: %s is %s, want F32, F16 or BF16", f.name, name, t.Type)
	}
	if len(dst) != t.Size() {
		return fmt.Errorf("%s: %s is %s, %d numbers; the buffer holds %d", f.name, name, shapeText(t.Shape), t.Size(), len(dst))
	}
	at := f.data + int64(t.begin)
	var err error
	if t.Type == F32 && littleEndian {
		err = readAt(f.r, asBytes(dst), at)
	} else {
		err = f.convert(dst, t.Type, at)
	}
	if err != nil {
		return fmt.Errorf("%s: offset %d: %s: %w", f.name, at, name, err)
	}
	return nil
}

// convert reads numbers of another layout than float32 in memory, a piece at a
// time.
func (f *TensorFile) convert(dst []float32, t DType, at int64) error {
	width := int(dtypeBits[t] / 8)
	buf := make([]byte, min(len(dst)*width, 1<<16)) // 1<<16 is a multiple of each width
	for len(dst) > 0 {
		n := min(len(dst), len(buf)/width)
		piece := buf[:n*width]
		if err := readAt(f.r, piece, at); err != nil {
			return err
		}
		decode(dst[:n], piece, t)
		dst = dst[n:]
		at += int64(len(piece))
	}
	return nil
}

// Close closes the file.
func (f *TensorFile) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// readAt fills p. The sizes have been checked, so an early end means that the
// file shrank since.
func readAt(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		return fmt.Errorf("%d bytes, want %d: the file has shrunk", n, len(p))
	}
	return bare(err)
}
