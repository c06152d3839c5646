package pickle

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// functions are the functions that may be called.
var functions = map[global]bool{
	"collections.OrderedDict":         true,
	"torch._utils._rebuild_tensor":    true, // before PyTorch 0.4
	"torch._utils._rebuild_tensor_v2": true,
	"torch._utils._rebuild_parameter": true,
}

// ignored are names of objects that training programs store beside the weights. They are not created.
var ignored = map[global]bool{
	"argparse.Namespace": true, "pathlib.PosixPath": true, "pathlib.WindowsPath": true,
	"torch.Size": true, "torch.device": true, "_codecs.encode": true, "numpy.dtype": true,
	"numpy.core.multiarray.scalar": true, "numpy._core.multiarray.scalar": true,
}

// storageTypes maps the names of number types to the type and the bytes of a number.
var storageTypes = map[global]struct {
	dtype weights.DType
	width int64
}{
	"torch.FloatStorage":    {weights.F32, 4},
	"torch.HalfStorage":     {weights.F16, 2},
	"torch.BFloat16Storage": {weights.BF16, 2},
	"torch.DoubleStorage":   {"F64", 8},
	"torch.LongStorage":     {"I64", 8},
	"torch.IntStorage":      {"I32", 4},
	"torch.ShortStorage":    {"I16", 2},
	"torch.CharStorage":     {"I8", 1},
	"torch.ByteStorage":     {"U8", 1},
	"torch.BoolStorage":     {"BOOL", 1},
}

// storage is a run of numbers in the file.
type storage struct {
	key    string
	dtype  weights.DType
	width  int64 // bytes of a number
	length int64 // numbers
	at     int64 // offset in the file, once known
	found  bool
}

// tensor is a view of a storage.
type tensor struct {
	storage       *storage
	offset        int64 // numbers
	shape, stride []int
	negated       bool // the numbers are those of the storage with the opposite sign
}

// persistent returns the storage that an identifier stands for: ('storage', type, key, device, length), in
// old files followed by a view of another storage.
func persistent(id any) (*storage, error) {
	t, ok := id.(tuple)
	if !ok || len(t) < 5 || len(t) > 6 || t[0] != "storage" {
		return nil, errors.New("an identifier that is not a storage's: not a file of weights")
	}
	name, _ := t[1].(global)
	typ, okType := storageTypes[name]
	key, okKey := t[2].(string)
	n, okN := t[4].(int64)
	if !okType || !okKey || !okN || n < 0 || n > 1<<60/typ.width {
		return nil, fmt.Errorf("a storage with bad type, key or length (%s)", showNumber(t[4]))
	}
	if len(t) == 6 && t[5] != nil {
		return nil, fmt.Errorf("storage %s is a view of another, as in files of old versions of PyTorch; load it there and save it again", weights.Show(key))
	}
	return &storage{key: key, dtype: typ.dtype, width: typ.width, length: n}, nil
}

// showNumber formats a number for an error, or the type of anything else: nested tuples may be longer than
// memory when written out.
func showNumber(v any) string {
	if n, ok := v.(int64); ok {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%T", v)
}

// call calls one of the known functions.
func call(f, args any) (any, error) {
	name, ok := f.(global)
	a, okArgs := args.(tuple)
	if ok && okArgs && ignored[name] {
		return inert{}, nil
	}
	if !ok || !okArgs || !functions[name] {
		return nil, errors.New("a call of something that is not a function: refused")
	}
	switch name {
	case "collections.OrderedDict":
		if len(a) == 0 {
			return &dict{}, nil
		}
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
		if len(a) >= 4 {
			return rebuild(a)
		}
	case "torch._utils._rebuild_parameter":
		if len(a) >= 1 {
			if t, ok := a[0].(*tensor); ok {
				return t, nil
			}
		}
	}
	return nil, fmt.Errorf("%s is called with unexpected arguments", name)
}

// rebuild makes a tensor from a storage, an offset, a shape and strides.
func rebuild(a tuple) (*tensor, error) {
	s, ok := a[0].(*storage)
	offset, okOffset := a[1].(int64)
	shape, okShape := sizes(a[2])
	stride, okStride := sizes(a[3])
	if !ok || !okOffset || !okShape || !okStride || offset < 0 || len(shape) != len(stride) {
		return nil, errors.New("a tensor with bad storage, offset, shape or strides")
	}
	t := &tensor{storage: s, offset: offset, shape: shape, stride: stride}
	if len(a) > 6 && a[6] != nil { // after requires_grad and hooks
		if err := t.mark(a[6]); err != nil {
			return nil, err
		}
	}
	return t, t.check()
}

// mark applies the metadata with which PyTorch marks views that are evaluated when read, such as {"neg":
// True}.
func (t *tensor) mark(v any) error {
	d, ok := v.(*dict)
	if !ok {
		return errors.New("a tensor whose metadata is not a dictionary")
	}
	for _, it := range d.items {
		on, isBool := it.value.(bool)
		switch {
		case it.key == "neg" && isBool:
			t.negated = on
		case it.key == "conj" && isBool && !on:
		default:
			return fmt.Errorf("a tensor with the metadata %s, want only neg; save it with .contiguous(), or as real numbers", showKey(it.key))
		}
	}
	return nil
}

// sizes converts a tuple to non-negative numbers.
func sizes(v any) ([]int, bool) {
	t, ok := v.(tuple)
	if !ok || len(t) > 64 {
		return nil, false
	}
	out := make([]int, len(t))
	for i, v := range t {
		n, ok := v.(int64)
		if !ok || n < 0 || int64(int(n)) != n {
			return nil, false
		}
		out[i] = int(n)
	}
	return out, true
}

// check returns an error unless the tensor lies within its storage, and has no more numbers than the storage.
func (t *tensor) check() error {
	n, ok := weights.SizeOf(t.shape)
	if !ok || int64(n) > t.storage.length {
		return fmt.Errorf("a tensor of shape %s in a storage of only %d numbers", weights.ShapeText(t.shape), t.storage.length)
	}
	if n == 0 {
		return nil
	}
	last := uint64(t.offset)
	for i, d := range t.shape {
		hi, lo := bits.Mul64(uint64(d-1), uint64(t.stride[i]))
		var carry uint64
		last, carry = bits.Add64(last, lo, 0)
		if hi != 0 || carry != 0 {
			last = ^uint64(0)
			break
		}
	}
	if last >= uint64(t.storage.length) {
		return fmt.Errorf("a tensor of shape %s, strides %s and offset %d reaches beyond its storage of %d numbers",
			weights.ShapeText(t.shape), weights.ShapeText(t.stride), t.offset, t.storage.length)
	}
	return nil
}

// contiguous reports whether the numbers are stored in row-major order without gaps.
func (t *tensor) contiguous() bool {
	step := 1
	for i := len(t.shape) - 1; i >= 0; i-- {
		if t.shape[i] != 1 && t.stride[i] != step {
			return false
		}
		step *= t.shape[i]
	}
	return true
}

// span returns how many numbers of the storage there are from the tensor's first to its last.
func (t *tensor) span() int {
	n := 1
	for i, d := range t.shape {
		if d == 0 {
			return 0
		}
		n += (d - 1) * t.stride[i]
	}
	return n
}

// gather copies the numbers of a span into dst, row by row.
func (t *tensor) gather(dst, span []float32) {
	index := make([]int, len(t.shape))
	at := 0
	for i := range dst {
		dst[i] = span[at]
		for d := len(index) - 1; d >= 0; d-- {
			index[d]++
			at += t.stride[d]
			if index[d] < t.shape[d] {
				break
			}
			at -= index[d] * t.stride[d]
			index[d] = 0
		}
	}
}
