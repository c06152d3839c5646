package weights

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Source is a set of stored tensors. Its methods may be called at the same time
// from several goroutines.
type Source interface {
	// Name is where the tensors come from, for errors: a path.
	Name() string
	// Tensors describes the tensors, in the order best read. The slice belongs to
	// the source.
	Tensors() []Info
	// Read reads the whole tensor of the given name into dst, row by row, converted
	// to float32. len(dst) must be the tensor's size. Errors name file and tensor.
	Read(name string, dst []float32) error
	Close() error
}

// Mapper is a [Source] that may have tensors ready in memory.
type Mapper interface {
	// Map returns the tensor of the given name as it lies in the mapped file, or nil
	// if it needs conversion or the system cannot map. Memory is taken for the pages
	// that are touched. Writing into it changes no file. It stays valid for ever,
	// also after Close.
	Map(name string) []float32
}

// Rawer is a [Source] that gives tensors of any type as they are.
type Rawer interface {
	// Raw returns the bytes of the tensor of the given name, checked by its checksum if there is one: as they lie in the
	// mapped file, which are not to be written, where that can be.
	Raw(name string) ([]byte, error)
}

// Packer is a [Source] that may have tensors in a format that can be computed with.
type Packer interface {
	// Pack returns a tensor of a type of [PackedFormats] as it is stored, nil of another. Rows are those of its last dimension; with columns,
	// those of the transposes of its matrices, where it is stored so.
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
	Bytes []byte // of a tensor of U8, which has no Data
	// Load, if not nil, gives what would be Data, each time that the tensor is written: where it is not to be in memory
	// beside others, such as one that ranks share out.
	Load func() ([]float32, error)
}

// Numbers are those of a tensor that has no Bytes.
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

// count is how many numbers there are.
func (x Tensor) count() int {
	if x.Load == nil {
		return len(x.Data)
	}
	n, _ := SizeOf(x.Shape)
	return n
}

// As is the type that a tensor is written as, of one of numbers the given one.
func (x Tensor) As(t DType) DType {
	if x.Bytes != nil {
		return U8
	}
	return t
}

// Stored is how many bytes it has then.
func (x Tensor) Stored(t DType) int64 {
	numbers, bytes := t.Block()
	return int64(len(x.Bytes)) + int64(x.count()/max(numbers, 1)*bytes)
}

// SizeOf returns the number of elements of a shape, and whether it is one:
// no negative sizes, and a product that fits an int.
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
	const most = 16 // what is longer came out of a broken file
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

// Show makes a name out of a file fit for an error's one line.
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

// CheckRead returns the error of [Source.Read] for a tensor that cannot be read
// into a buffer of n numbers, or nil. It lacks the file's name.
func CheckRead(t Info, n int) error {
	if !t.Type.Readable() {
		return fmt.Errorf("%s is %s, want F64, F32, F16 or BF16", Show(t.Name), t.Type)
	}
	if n != t.Size() {
		return fmt.Errorf("%s is %s, %d numbers; the buffer holds %d", Show(t.Name), ShapeText(t.Shape), t.Size(), n)
	}
	return nil
}
