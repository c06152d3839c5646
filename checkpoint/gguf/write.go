package gguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"reflect"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Tensor is a tensor to write.
type Tensor struct {
	Name  string
	Shape []int         // the file has the last axis first
	Type  weights.DType // F32, F16, BF16, Q8_0, Q4_0, Q4_1 or MXFP4
	// Data returns the numbers. It is called when the tensor is written, and may return memory that the next
	// tensor's Data reuses.
	Data func() []float32
	// Packed, if not nil, is written as it is, in place of Data.
	Packed *kernel.Packed
}

// bytes returns the number of bytes that the tensor takes, and whether its shape is valid for its type.
func (x Tensor) bytes() (int64, bool) {
	size, ok := weights.SizeOf(x.Shape)
	per, bytes := x.Type.Block()
	if !ok || per == 0 || len(x.Shape) > maxAxes || len(x.Shape) > 0 && x.Shape[len(x.Shape)-1]%per != 0 || len(x.Shape) == 0 && per > 1 {
		return 0, false
	}
	hi, total := bits.Mul64(uint64(size/per), uint64(bytes))
	return int64(total), hi == 0 && total < 1<<62
}

// Write writes a file of version 3. It is an error if a value has a type that [Value] does not allow, if
// there are two keys or two tensors of the same name, or if a shape does not suit its type.
func Write(w io.Writer, meta Meta, tensors []Tensor) error {
	b := &writer{Writer: bufio.NewWriterSize(w, 1<<16)}
	b.header(meta, tensors)
	for _, x := range tensors {
		b.pad()
		if x.Packed != nil && b.err == nil {
			if err := writePacked(b, x); err != nil {
				return fmt.Errorf("%s: %w", x.Name, err)
			}
			continue
		}
		data := x.Data()
		if n, _ := weights.SizeOf(x.Shape); len(data) != n {
			b.fail(fmt.Errorf("%s: %d numbers, want %s", x.Name, len(data), weights.ShapeText(x.Shape)))
		}
		if b.err != nil {
			break
		}
		if err := weights.Write(b, data, x.Type); err != nil {
			return fmt.Errorf("%s: %w", x.Name, err)
		}
	}
	b.pad()
	b.fail(b.Flush())
	return b.err
}

// writePacked writes the blocks of a packed tensor.
func writePacked(w io.Writer, x Tensor) error {
	n, _ := weights.SizeOf(x.Shape)
	if x.Packed.Format != weights.PackedFormats[x.Type] || x.Packed.Rows*x.Packed.Cols != n {
		return fmt.Errorf("%d rows of %d numbers in %v, want %s in %s", x.Packed.Rows, x.Packed.Cols, x.Packed.Format, weights.ShapeText(x.Shape), x.Type)
	}
	if x.Packed.Format == kernel.BF16 {
		_, err := w.Write(x.Packed.Codes)
		return err
	}
	const most = 1 << 11 // blocks at a time
	numbers, size := x.Type.Block()
	buf := make([]byte, most*size)
	for at, end := 0, n/numbers; at < end; at += most {
		part := buf[:min(most, end-at)*size]
		weights.Block(part, x.Packed, at)
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// writer counts the bytes it writes, and keeps the first error.
type writer struct {
	*bufio.Writer
	at  int64
	err error
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.at += int64(n)
	w.fail(err)
	return n, err
}

// put writes numbers of fixed size.
func (w *writer) put(values ...any) {
	for _, v := range values {
		w.fail(binary.Write(w, binary.LittleEndian, v))
	}
}

func (w *writer) text(s string) {
	w.put(uint64(len(s)), []byte(s))
}

// pad advances to where a tensor may begin.
func (w *writer) pad() { w.put(make([]byte, -w.at&(alignment-1))) }

func (w *writer) header(meta Meta, tensors []Tensor) {
	w.put([]byte(magic), uint32(3), uint64(len(tensors)), uint64(len(meta)))
	seen := make(map[string]bool)
	once := func(name string) {
		if seen[name] || len(name) > maxKey {
			w.fail(fmt.Errorf("%s appears twice or is too long", weights.Show(name)))
		}
		seen[name] = true
	}
	if n, err := meta.Int("general.alignment", alignment); err != nil || n != alignment {
		w.fail(fmt.Errorf("general.alignment is %v, want %d", meta.Get("general.alignment"), alignment))
	}
	for _, v := range meta {
		once(v.Key)
		w.text(v.Key)
		w.value(v)
	}
	clear(seen)
	at := int64(0)
	for _, x := range tensors {
		once(x.Name)
		n, ok := x.bytes()
		if !ok {
			w.fail(fmt.Errorf("%s: a shape of %s cannot be of type %s", x.Name, weights.ShapeText(x.Shape), x.Type))
		}
		w.text(x.Name)
		w.put(uint32(len(x.Shape)))
		for _, d := range slices.Backward(x.Shape) {
			w.put(uint64(d))
		}
		for number, t := range dtypes {
			if t == x.Type {
				w.put(number)
			}
		}
		w.put(uint64(at))
		at += (n + alignment - 1) &^ (alignment - 1)
	}
}

// valueTypes maps the types of values to their numbers.
var valueTypes = map[reflect.Kind]uint32{
	reflect.Uint8: 0, reflect.Int8: 1, reflect.Uint16: 2, reflect.Int16: 3, reflect.Uint32: 4, reflect.Int32: 5, reflect.Float32: 6,
	reflect.Bool: 7, reflect.String: 8, reflect.Uint64: 10, reflect.Int64: 11, reflect.Float64: 12,
}

// value writes a type and a value.
func (w *writer) value(v Value) {
	t := reflect.TypeOf(v.Value)
	array := t != nil && t.Kind() == reflect.Slice
	if array {
		t = t.Elem()
		w.put(uint32(arrayType))
	}
	var number uint32
	ok := t != nil
	if ok {
		number, ok = valueTypes[t.Kind()]
	}
	if !ok {
		w.fail(fmt.Errorf("%s is %T, which metadata cannot hold", v.Key, v.Value))
		return
	}
	w.put(number)
	if array {
		w.put(uint64(reflect.ValueOf(v.Value).Len()))
	}
	switch v := v.Value.(type) {
	case string:
		w.text(v)
	case []string:
		for _, s := range v {
			w.text(s)
		}
	default:
		w.put(v)
	}
}
