package weights

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Source is a set of stored tensors. Its methods may be called concurrently.
type Source interface {
	// Name is the path that the tensors come from, for errors.
	Name() string
	// Tensors describes the tensors, in the order in which they are best read. The slice belongs to the
	// source.
	Tensors() []Info
	// Read reads the whole tensor of the given name into dst, row by row, converted to float32. len(dst) must
	// be the tensor's size. Errors name the file and the tensor.
	Read(name string, dst []float32) error
	Close() error
}

// Mapper is a [Source] that may have tensors in mapped memory.
type Mapper interface {
	// Map returns the tensor of the given name as it is in the mapped file, or nil if it needs conversion or
	// the system cannot map. Only pages that are touched take memory. Writing to it does not change the file.
	// It remains valid forever, even after Close.
	Map(name string) []float32
}

// Rawer is a [Source] that returns tensors of any type as bytes.
type Rawer interface {
	// Raw returns the bytes of the tensor of the given name, verified if there is a checksum. If the file is
	// mapped, they are those of the mapping and must not be written to.
	Raw(name string) ([]byte, error)
}

// Packer is a [Source] that may have tensors in a packed format that can be computed with.
type Packer interface {
	// Pack returns the tensor as it is stored if its type is one of [PackedFormats], and otherwise nil. Its
	// rows run along the last dimension; if columns is true, they are those of its transposed matrices,
	// because these are what is stored.
	Pack(name string) (m *kernel.Packed, columns bool, err error)
}

// Info describes a stored tensor.
type Info struct {
	Name  string
	Type  DType
	Shape []int // empty for a scalar
}

// Size returns the number of elements.
func (t Info) Size() int {
	n, _ := SizeOf(t.Shape)
	return n
}

// Tensor is a named tensor in memory, row-major.
type Tensor struct {
	Name  string
	Shape []int // empty for a scalar
	Data  []float32
	Bytes []byte // if not nil, the content of a tensor of type U8, which has no Data
	// Load, if not nil, returns what would be Data. It is called each time the tensor is written, for tensors
	// that should not be in memory all at once, such as those gathered from ranks.
	Load func() ([]float32, error)
}

// Numbers returns the numbers of a tensor that has no Bytes.
func (x Tensor) Numbers() ([]float32, error) {
	if x.Load == nil {
		return x.Data, nil
	}
	data, err := x.Load()
	if n, _ := SizeOf(x.Shape); err == nil && len(data) != n {
		err = fmt.Errorf("%d numbers do not fill shape %s", len(data), ShapeText(x.Shape))
	}
	return data, err
}

// count returns how many numbers there are.
func (x Tensor) count() int {
	if x.Load == nil {
		return len(x.Data)
	}
	n, _ := SizeOf(x.Shape)
	return n
}

// As returns the type that a tensor is written as: t, or U8 if it has Bytes.
func (x Tensor) As(t DType) DType {
	if x.Bytes != nil {
		return U8
	}
	return t
}

// Stored returns the number of bytes that the tensor takes when its numbers are written as type t.
func (x Tensor) Stored(t DType) int64 {
	numbers, bytes := t.Block()
	return int64(len(x.Bytes)) + int64(x.count()/max(numbers, 1)*bytes)
}

// SizeOf returns the number of elements of a shape, and whether the shape is valid: no negative sizes, and a
// product that fits an int.
func SizeOf(shape []int) (int, bool) {
	n := uint64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > math.MaxInt {
			return 0, false
		}
		n = lo
	}
	return int(n), true
}

// ShapeText writes a shape as (768, 2304).
func ShapeText(shape []int) string {
	const most = 16 // a longer shape comes from a broken file
	var b strings.Builder
	for i, d := range shape {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			b.WriteString("…")
			break
		}
		fmt.Fprint(&b, d)
	}
	return "(" + b.String() + ")"
}

// Show quotes or truncates a name from a file so that it fits an error of one line.
func Show(name string) string {
	const most = 100
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	if quoted := strconv.Quote(name); name == "" || quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// CheckRead returns the error of [Source.Read] if a tensor cannot be read into a buffer of n numbers, or nil.
// The error lacks the file's name.
func CheckRead(t Info, n int) error {
	if !t.Type.Readable() {
		return fmt.Errorf("%s is %s, want F64, F32, F16 or BF16", Show(t.Name), t.Type)
	}
	if n != t.Size() {
		return fmt.Errorf("%s is %s, %d numbers; the buffer holds %d", Show(t.Name), ShapeText(t.Shape), t.Size(), n)
	}
	return nil
}
