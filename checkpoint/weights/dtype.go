package weights

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"unsafe"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// DType is the number type of a stored tensor, under its name in safetensors.
type DType string

// The number types that can be read into float32 and, except F64, written from it.
const (
	F64  DType = "F64"  // IEEE 754 double precision, rounded when read
	F32  DType = "F32"  // IEEE 754 single precision
	F16  DType = "F16"  // IEEE 754 half precision
	BF16 DType = "BF16" // the upper half of an F32

	// MXFP4 has blocks of 32 numbers of 4 bits with a common scale. In a GGUF file it is a block type; in
	// other files it is two tensors of type U8, which [Packed] combines.
	MXFP4 DType = "MXFP4"
	U8    DType = "U8"
)

// Readable reports whether numbers of type t can be read into float32.
func (t DType) Readable() bool {
	n, _ := t.Block()
	return t == MXFP4 || n > 0
}

// Width returns the number of bytes of one number of type t, or 0 if numbers of this type are in blocks or
// cannot be read.
func (t DType) Width() int {
	switch t {
	case F64:
		return 8
	case F32:
		return 4
	case F16, BF16:
		return 2
	}
	return 0
}

// littleEndian says that float32s in memory have the byte order of the files, so that they need no
// conversion. Tests set it to false to test the other case.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// Bytes returns the memory of x.
func Bytes(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// Decode converts the len(dst) little-endian numbers of type t in src, which must be whole blocks. It is
// exact, except that F64 is rounded to nearest, and that sums with the offsets of blocks are rounded.
func Decode(dst []float32, src []byte, t DType) {
	switch t {
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	case F32:
		if littleEndian {
			copy(Bytes(dst), src)
			return
		}
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = kernel.FromHalf(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	default:
		b := blocks[t]
		if b.decode == nil {
			decodePacked(dst, src, PackedFormats[t])
			return
		}
		for ; len(dst) > 0; dst, src = dst[b.numbers:], src[b.bytes:] {
			b.decode(dst, src)
		}
	}
}

// Encode converts x to little-endian numbers of type t, rounding to nearest, ties to even, or to blocks of
// Q8_0, Q4_0, Q4_1 or MXFP4. It is an error if a finite number is too large for t, since it would become
// infinite.
func Encode(dst []byte, x []float32, t DType) error {
	switch t {
	case F32:
		if littleEndian {
			copy(dst, Bytes(x))
			return nil
		}
		for i, v := range x {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
		}
	case F16:
		for i, v := range x {
			h := kernel.ToHalf(v)
			if h&0x7fff == 0x7c00 && !math.IsInf(float64(v), 0) {
				return fmt.Errorf("%v is too large for F16, whose largest is 65504", v)
			}
			binary.LittleEndian.PutUint16(dst[2*i:], h)
		}
	case BF16:
		for i, v := range x {
			h := kernel.ToBrain(v)
			if h&0x7fff == 0x7f80 && !math.IsInf(float64(v), 0) {
				return fmt.Errorf("%v is too large for BF16, whose largest is 3.3895314e+38", v)
			}
			binary.LittleEndian.PutUint16(dst[2*i:], h)
		}
	default:
		return encodeBlocks(dst, x, t)
	}
	return nil
}

// WriteTensor writes a tensor's bytes, or its numbers converted to type t; see [Encode].
func WriteTensor(w io.Writer, x Tensor, t DType) error {
	if x.Bytes != nil {
		_, err := w.Write(x.Bytes)
		return err
	}
	data, err := x.Numbers()
	if err != nil {
		return err
	}
	return Write(w, data, t)
}

// Write writes x as little-endian numbers of type t; see [Encode].
func Write(w io.Writer, x []float32, t DType) error {
	if t == F32 && littleEndian {
		_, err := w.Write(Bytes(x))
		return err
	}
	numbers, bytes := t.Block()
	if numbers == 0 || len(x)%numbers != 0 {
		return fmt.Errorf("cannot write %d numbers as %s", len(x), t)
	}
	buf := make([]byte, min(len(x)/numbers*bytes, piece))
	for len(x) > 0 {
		n := min(len(x)/numbers, len(buf)/bytes) // blocks
		if err := Encode(buf, x[:n*numbers], t); err != nil {
			return err
		}
		if _, err := w.Write(buf[:n*bytes]); err != nil {
			return err
		}
		x = x[n*numbers:]
	}
	return nil
}
