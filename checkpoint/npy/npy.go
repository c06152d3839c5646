package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

var magic = []byte("\x93NUMPY")

// maxHeader bounds the length of a header; NumPy's own limit is 10,000.
const maxHeader = 1 << 16

// File is the array of a .npy file.
type File struct {
	file  *weights.File
	dtype weights.DType
	shape []int
	data  int64 // offset of the numbers
}

// Open opens a .npy file. The caller closes it.
func Open(path string) (*File, error) {
	return weights.OpenAs(path, "a .npy file", read)
}

// New reads a .npy file of size bytes from r. Errors use the given name.
func New(name string, r io.ReaderAt, size int64) (*File, error) {
	return read(weights.NewFile(name, r, size))
}

func read(file *weights.File) (*File, error) {
	f := &File{file: file}
	if err := f.readHeader(); err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return f, nil
}

func (f *File) readHeader() error {
	size := f.file.Size()
	start := make([]byte, min(size, 12))
	if _, err := f.file.ReadAt(start, 0); err != nil {
		return fmt.Errorf("offset 0: %w", err)
	}
	if !bytes.HasPrefix(start, magic) || len(start) < 12 {
		return errors.New("offset 0: no \\x93NUMPY: not a .npy file")
	}
	at, n := int64(10), uint32(binary.LittleEndian.Uint16(start[8:]))
	switch start[6] {
	case 1:
	case 2, 3:
		at, n = 12, binary.LittleEndian.Uint32(start[8:])
	default:
		return fmt.Errorf("offset 6: version %d, want 1 to 3", start[6])
	}
	if limit := min(size-at, maxHeader); int64(n) > limit {
		return fmt.Errorf("offset 8: a header of %d bytes, want at most %d: not a .npy file, or cut short", n, limit)
	}
	header := make([]byte, n)
	if _, err := f.file.ReadAt(header, at); err != nil {
		return fmt.Errorf("offset %d: %w", at, err)
	}
	f.data = at + int64(n)
	if err := f.parse(string(header)); err != nil {
		return fmt.Errorf("offset %d: %w", at, err)
	}
	count, ok := weights.SizeOf(f.shape)
	width := uint64(f.dtype.Width())
	if have := uint64(size - f.data); !ok || uint64(count) > have/width || uint64(count)*width != have {
		return fmt.Errorf("%d bytes of data, want as many as %s of shape %s takes", have, f.dtype, weights.ShapeText(f.shape))
	}
	return nil
}

// header matches the text of a Python dictionary with these kinds of values, in any order.
var (
	header    = regexp.MustCompile(`^\s*\{((?:\s*'\w+'\s*:\s*(?:'[^']*'|True|False|\([0-9,\sL]*\))\s*,?)*)\s*\}\s*$`)
	pair      = regexp.MustCompile(`'(\w+)'\s*:\s*('[^']*'|True|False|\([0-9,\sL]*\))`)
	listOfInt = regexp.MustCompile(`[0-9]+`)
)

var dtypes = map[string]weights.DType{"<f4": weights.F32, "<f2": weights.F16}

// parse reads the header's text, as in
// {'descr': '<f4', 'fortran_order': False, 'shape': (768, 2304), }.
func (f *File) parse(text string) error {
	inner := header.FindStringSubmatch(text)
	if inner == nil {
		return fmt.Errorf("header %s, want a dictionary of descr, fortran_order and shape", weights.Show(text))
	}
	values := make(map[string]string)
	for _, p := range pair.FindAllStringSubmatch(inner[1], -1) {
		if _, twice := values[p[1]]; twice {
			return fmt.Errorf("the header has %s twice", weights.Show(p[1]))
		}
		values[p[1]] = p[2]
	}
	descr := strings.Trim(values["descr"], "'")
	f.dtype = dtypes[descr]
	shape := values["shape"]
	switch {
	case f.dtype == "":
		return fmt.Errorf("numbers of type %s, want <f4 or <f2", weights.Show(descr))
	case values["fortran_order"] != "False":
		return errors.New("column-major (fortran_order), want row-major")
	case !strings.HasPrefix(shape, "("):
		return errors.New("the header has no shape")
	}
	f.shape = []int{}
	for _, digits := range listOfInt.FindAllString(shape, 65) {
		d, err := strconv.Atoi(digits)
		if err != nil || len(f.shape) == 64 {
			return fmt.Errorf("bad shape %s", weights.Show(shape))
		}
		f.shape = append(f.shape, d)
	}
	return nil
}

// Name returns the path the file was opened by.
func (f *File) Name() string { return f.file.Name() }

// Shape returns the array's shape, empty for a single number.
func (f *File) Shape() []int { return f.shape }

// DType returns the array's number type, F32 or F16.
func (f *File) DType() weights.DType { return f.dtype }

// Size returns how many numbers there are.
func (f *File) Size() int {
	n, _ := weights.SizeOf(f.shape)
	return n
}

// Read reads len(dst) numbers in row-major order, beginning with number first. They must be within the array.
func (f *File) Read(dst []float32, first int) error {
	if first < 0 || first > f.Size() || len(dst) > f.Size()-first {
		return fmt.Errorf("%s: numbers %d to %d are outside the array of %d", f.Name(), first, first+len(dst), f.Size())
	}
	return f.file.Floats(dst, f.dtype, f.data+int64(first)*int64(f.dtype.Width()))
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
