package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// reader reads what precedes the data. After an error it reads zeros.
type reader struct {
	b        *bufio.Reader
	at, size int64
	err      error
	buf      [8]byte
}

func newReader(f *weights.File) *reader {
	return &reader{b: bufio.NewReaderSize(io.NewSectionReader(f, 0, f.Size()), 1<<16), size: f.Size()}
}

// fail keeps the first error, with its offset.
func (r *reader) fail(at int64, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("offset %d: %w", at, err)
	}
}

// room reports whether the rest of the file can hold n values of the given size, so that memory for them may
// be allocated.
func (r *reader) room(n uint64, bytes int, what string) bool {
	hi, total := bits.Mul64(n, uint64(bytes))
	if r.err == nil && (hi != 0 || total > uint64(r.size-r.at)) {
		r.fail(r.at, fmt.Errorf("%d %s, which do not fit in the file", n, what))
	}
	return r.err == nil
}

// fill reads len(p) bytes.
func (r *reader) fill(p []byte) {
	if r.err != nil {
		clear(p)
		return
	}
	n, err := io.ReadFull(r.b, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("the file ends too early")
	}
	if err != nil {
		r.fail(r.at+int64(n), err)
		clear(p)
	}
	r.at += int64(n)
}

func (r *reader) uint32() uint32 {
	r.fill(r.buf[:4])
	return binary.LittleEndian.Uint32(r.buf[:])
}

func (r *reader) uint64() uint64 {
	r.fill(r.buf[:8])
	return binary.LittleEndian.Uint64(r.buf[:])
}

// text reads a string of at most limit bytes.
func (r *reader) text(limit uint64) string {
	at := r.at
	n := r.uint64()
	if n > limit {
		r.fail(at, fmt.Errorf("a name of %d bytes, want at most %d", n, limit))
	}
	if !r.room(n, 1, "bytes of a string") {
		return ""
	}
	p := make([]byte, n)
	r.fill(p)
	return string(p)
}

// kind says how to read values of a type: a single one, and those of an array.
type kind struct {
	one  func(r *reader) any
	many func(r *reader, n uint64) any
}

// kinds are the types of values by number.
var kinds = [...]kind{
	plain[uint8](), plain[int8](), plain[uint16](), plain[int16](), plain[uint32](), plain[int32](), plain[float32](),
	{func(r *reader) any { return number[uint8](r) != 0 }, func(r *reader, n uint64) any { return r.bools(n) }},
	{func(r *reader) any { return r.text(math.MaxUint64) }, func(r *reader, n uint64) any { return r.texts(n) }},
	{nil, nil}, // an array
	plain[uint64](), plain[int64](), plain[float64](),
}

// arrayType is the type number of arrays.
const arrayType = 9

func plain[T fixed]() kind {
	return kind{func(r *reader) any { return number[T](r) }, func(r *reader, n uint64) any { return numbers[T](r, n) }}
}

// value reads a type and a value of that type.
func (r *reader) value() any {
	t := r.uint32()
	array := t == arrayType
	if array {
		t = r.uint32()
	}
	switch {
	case t == arrayType:
		r.fail(r.at-4, errors.New("an array of arrays, which is not supported"))
		return nil
	case int64(t) >= int64(len(kinds)):
		r.fail(r.at-4, fmt.Errorf("a value of type %d, want 0 to %d", t, len(kinds)-1))
		return nil
	case array:
		return kinds[t].many(r, r.uint64())
	}
	return kinds[t].one(r)
}

func (r *reader) bools(n uint64) []bool {
	raw := numbers[uint8](r, n)
	all := make([]bool, len(raw))
	for i, b := range raw {
		all[i] = b != 0
	}
	return all
}

func (r *reader) texts(n uint64) []string {
	if !r.room(n, 8, "strings") {
		return nil
	}
	all := make([]string, n)
	for i := range all {
		if all[i] = r.text(math.MaxUint64); r.err != nil {
			return nil
		}
	}
	return all
}

// fixed are the types with the same representation in a file as in memory.
type fixed interface {
	uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64 | float32 | float64
}

func number[T fixed](r *reader) T {
	all := numbers[T](r, 1)
	if r.err != nil {
		return 0
	}
	return all[0]
}

func numbers[T fixed](r *reader, n uint64) []T {
	width := binary.Size(T(0))
	if !r.room(n, width, "numbers") {
		return nil
	}
	raw := make([]byte, int(n)*width)
	r.fill(raw)
	all := make([]T, n)
	if _, err := binary.Decode(raw, binary.LittleEndian, all); err != nil {
		r.fail(r.at, err)
	}
	return all
}

// meta reads n values.
func (r *reader) meta(n uint64) Meta {
	if !r.room(n, 13, "values of metadata") { // the smallest: an empty key, a type and a byte
		return nil
	}
	var all Meta
	seen := make(map[string]bool)
	for range n {
		at := r.at
		key := r.text(maxKey)
		if seen[key] {
			r.fail(at, fmt.Errorf("the key %s appears twice", weights.Show(key)))
		}
		seen[key] = true
		v := r.value()
		if r.err != nil {
			r.err = fmt.Errorf("%s: %w", weights.Show(key), r.err)
			return nil
		}
		all = append(all, Value{key, v})
	}
	return all
}

// entry is a tensor of a file.
type entry struct {
	weights.Info
	at, bytes uint64 // in the data
}

// tensors reads the descriptions of n tensors.
func (r *reader) tensors(n uint64) []entry {
	if !r.room(n, 24, "tensors") { // the smallest: an empty name, no axes, a type and an offset
		return nil
	}
	var all []entry
	for range n {
		start := r.at
		name := r.text(maxKey)
		e, err := r.tensor(name)
		if err != nil {
			r.fail(start, err)
		}
		if r.err != nil {
			r.err = fmt.Errorf("tensor %s: %w", weights.Show(name), r.err)
			return nil
		}
		all = append(all, e)
	}
	return all
}

// tensor reads what follows a tensor's name.
func (r *reader) tensor(name string) (entry, error) {
	e := entry{Info: weights.Info{Name: name}}
	axes := r.uint32()
	if axes > maxAxes {
		return e, fmt.Errorf("%d axes, want at most %d", axes, maxAxes)
	}
	for range axes {
		n := r.uint64()
		if n > math.MaxInt {
			return e, fmt.Errorf("an axis of length %d, which is too large", n)
		}
		e.Shape = append(e.Shape, int(n))
	}
	number := r.uint32()
	e.at = r.uint64()
	if r.err != nil {
		return e, nil
	}
	row := 1
	if axes > 0 {
		row = e.Shape[0]
	}
	slices.Reverse(e.Shape)
	size, ok := weights.SizeOf(e.Shape)
	if !ok {
		return e, fmt.Errorf("a shape of %s", weights.ShapeText(e.Shape))
	}
	var err error
	if e.Type, err = dtypeOf(number); err != nil {
		return e, err
	}
	per, bytes := e.Type.Block()
	if row%per != 0 {
		return e, fmt.Errorf("rows of %d numbers, want whole blocks of %d for %s", row, per, e.Type)
	}
	hi, total := bits.Mul64(uint64(size/per), uint64(bytes))
	if hi != 0 {
		return e, fmt.Errorf("a shape of %s", weights.ShapeText(e.Shape))
	}
	e.bytes = total
	return e, nil
}
