package llmc

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// magic begins a model file; headerSize is the offset of the numbers.
const (
	magic      = 20240326
	headerSize = 1024
)

// versions maps the file's version to the number type.
var versions = map[uint32]weights.DType{3: weights.F32, 5: weights.BF16}

// kinds are llm.c's other files, for a helpful error.
var kinds = map[uint32]string{
	20240327: "the debug state of a model",
	20240328: "a tokenizer",
	20240520: "tokens",
	20240801: "tokens of Llama",
	20240803: "a Llama 3, or its debug state",
	20240522: "multiple-choice questions",
	20240527: "the state of an optimizer",
}

// maxDim bounds a size in the header. It is ten times that of any model, and small enough that no product
// overflows.
const maxDim = 1 << 24

// File reads tensors from a model file of llm.c. Names, shapes and orientation are Hugging Face's. It
// implements [weights.Source] and [weights.Mapper].
type File struct {
	file   *weights.File
	dims   Dims
	infos  []weights.Info
	places map[string]place
}

// Open opens a model file. The caller closes it.
func Open(path string) (*File, error) {
	return weights.OpenAs(path, "a model file of llm.c", read)
}

// New reads such a file of size bytes from r. Errors use the given name.
func New(name string, r io.ReaderAt, size int64) (*File, error) {
	return read(weights.NewFile(name, r, size))
}

// IsFile reports whether a file that starts with these bytes is a file of llm.c, of any kind.
func IsFile(start []byte) bool {
	if len(start) < 4 {
		return false
	}
	first := binary.LittleEndian.Uint32(start)
	return first == magic || kinds[first] != ""
}

func read(file *weights.File) (*File, error) {
	f := &File{file: file, places: make(map[string]place)}
	if err := f.readHeader(); err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return f, nil
}

func (f *File) readHeader() error {
	var header [32]byte
	if n, err := f.file.ReadAt(header[:], 0); err != nil {
		if f.file.Size() < headerSize {
			return fmt.Errorf("%d bytes, want a header of %d: not a model file of llm.c", f.file.Size(), headerSize)
		}
		return fmt.Errorf("offset %d: %w", n, err)
	}
	var h [8]uint32
	for i := range h {
		h[i] = binary.LittleEndian.Uint32(header[4*i:])
	}
	if h[0] != magic {
		if kind := kinds[h[0]]; kind != "" {
			return fmt.Errorf("offset 0: magic %d is %s, want %d (a model)", h[0], kind, magic)
		}
		return fmt.Errorf("offset 0: magic %d, want %d: not a model file of llm.c", h[0], magic)
	}
	t, ok := versions[h[1]]
	if !ok {
		return fmt.Errorf("offset 4: version %d, want 3 (float32) or 5 (bfloat16); write the file again with llm.c's current train_gpt2.py", h[1])
	}
	for i, name := range []string{"context", "vocabulary", "number of layers", "number of heads", "width", "padded vocabulary"} {
		if v := h[2+i]; v < 1 || v > maxDim {
			return fmt.Errorf("offset %d: the %s is %d, want 1 to %d", 8+4*i, name, int32(v), maxDim)
		}
	}
	d := Dims{int(h[2]), int(h[3]), int(h[4]), int(h[5]), int(h[6]), int(h[7])}
	if d.Padded < d.Vocab {
		return fmt.Errorf("offset 28: the padded vocabulary is %d, want at least the vocabulary's %d", d.Padded, d.Vocab)
	}
	if d.Width%d.Heads != 0 {
		return fmt.Errorf("offset 24: width %d is not a multiple of %d heads", d.Width, d.Heads)
	}
	n, ok := d.count()
	if !ok {
		return fmt.Errorf("offset 8: sizes too large for any file: context %d, vocabulary %d, %d layers, width %d", d.Context, d.Vocab, d.Layers, d.Width)
	}
	want := headerSize + n*uint64(t.Width())
	if want != uint64(f.file.Size()) {
		return fmt.Errorf("%d bytes, want %d for context %d, vocabulary %d (padded %d), %d layers, width %d, %s",
			f.file.Size(), want, d.Context, d.Vocab, d.Padded, d.Layers, d.Width, t)
	}
	f.dims = d
	for _, p := range d.places(t) {
		f.infos = append(f.infos, p.Info)
		f.places[p.Name] = p
	}
	return nil
}

// Name returns the path the file was opened by.
func (f *File) Name() string { return f.file.Name() }

// Dims returns the sizes in the header.
func (f *File) Dims() Dims { return f.dims }

// DType returns the number type of the file.
func (f *File) DType() weights.DType { return f.infos[0].Type }

// Tensors describes the tensors, in the order of the file. The slice belongs
// to f.
func (f *File) Tensors() []weights.Info { return f.infos }

func (f *File) at(p place) int64 { return headerSize + p.at*int64(p.Type.Width()) }

// Read reads the whole tensor of the given name into dst, row-major, in Hugging Face's layout: matrices are
// transposed, and the padding rows of wte left out.
func (f *File) Read(name string, dst []float32) error {
	p, ok := f.places[name]
	if !ok {
		return fmt.Errorf("%s: no tensor %s", f.Name(), weights.Show(name))
	}
	err := weights.CheckRead(p.Info, len(dst))
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if p.transposed {
		err = f.readTransposed(dst, p)
	} else {
		err = f.file.Floats(dst, p.Type, f.at(p))
	}
	if err != nil {
		return fmt.Errorf("%w, in %s", err, name)
	}
	return nil
}

// readTransposed reads (out, in) from the file into dst (in, out), some rows of the file at a time.
func (f *File) readTransposed(dst []float32, p place) error {
	in, out := p.Shape[0], p.Shape[1]
	step := min(out, max(1, blockSize/in))
	block := make([]float32, step*in)
	for o := 0; o < out; o += step {
		n := min(step, out-o)
		if err := f.file.Floats(block[:n*in], p.Type, f.at(p)+int64(o*in*p.Type.Width())); err != nil {
			return err
		}
		for i := range in {
			to := dst[i*out+o:][:n]
			for j := range to {
				to[j] = block[j*in+i]
			}
		}
	}
	return nil
}

// blockSize is how many numbers are transposed at a time, so that they fit in a core's cache.
const blockSize = 1 << 16

// Map implements [weights.Mapper] for tensors that need no transposing.
func (f *File) Map(name string) []float32 {
	p, ok := f.places[name]
	if !ok || p.Type != weights.F32 || p.transposed {
		return nil
	}
	return f.file.Map(p.Size(), f.at(p))
}

// Close closes the file. What Map returned remains valid.
func (f *File) Close() error { return f.file.Close() }

// isBias reports whether a tensor is one that a model without biases lacks.
func isBias(name string) bool { return strings.HasSuffix(name, ".bias") }
