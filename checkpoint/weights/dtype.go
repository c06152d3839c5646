package weights

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"unsafe"
)

// DType is the number type of a stored tensor, in the words of safetensors.
type DType string

// The number types that can be read into float32 and, but for F64, written from it.
const (
	F64  DType = "F64"  // IEEE 754 double precision, rounded when read
	F32  DType = "F32"  // IEEE 754 single precision
	F16  DType = "F16"  // IEEE 754 half precision
	BF16 DType = "BF16" // the upper half of an F32

	// MXFP4 has blocks of 32 numbers of 4 bits with one scale: two tensors of a file, of type U8, which
	// [Packed] makes one.
	MXFP4 DType = "MXFP4"
	U8    DType = "U8"
)

// Readable reports whether numbers of type t can be read into float32.
func (t DType) Readable() bool {
	n, _ := t.Block()
	return t == MXFP4 || n > 0
}

// Width returns the bytes of one number of a readable type that has each by itself, 0 of another.
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

// littleEndian says that float32s in memory are laid out as in the files, so
// that they need no conversion. Tests turn it off to try the other way.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// Bytes returns the memory of x.
func Bytes(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// Decode converts the len(dst) little-endian numbers of type t in src, whole blocks of them. It is
// exact, but for F64, which is rounded to the nearest, and for offsets of blocks, whose sums are.
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
			dst[i] = fromHalf(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	default:
		b := blocks[t]
		for ; len(dst) > 0; dst, src = dst[b.numbers:], src[b.bytes:] {
			b.decode(dst, src)
		}
	}
}

// Encode converts x to little-endian numbers of type t, to the nearest, ties to
// even, or to blocks of Q8_0. It is an error if a finite number is too large for t: it would become
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
			h := toHalf(v)
			if h&0x7fff == 0x7c00 && !math.IsInf(float64(v), 0) {
				return fmt.Errorf("%v is too large for F16, whose largest is 65504", v)
			}
			binary.LittleEndian.PutUint16(dst[2*i:], h)
		}
	case BF16:
		for i, v := range x {
			h := toBrain(v)
			if h&0x7fff == 0x7f80 && !math.IsInf(float64(v), 0) {
				return fmt.Errorf("%v is too large for BF16, whose largest is 3.3895314e+38", v)
			}
			binary.LittleEndian.PutUint16(dst[2*i:], h)
		}
	case Q8_0:
		return encodeQ8_0(dst, x)
	default:
		return fmt.Errorf("cannot write %s, only F32, F16, BF16 and Q8_0", t)
	}
	return nil
}

// fromHalf converts an IEEE 754 half: 1 sign bit, 5 of exponent (bias 15), 10
// of fraction. Every half is a float32, so this is exact; the bits of a NaN are
// kept.
func fromHalf(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 0x1f
	fraction := uint32(h) & 0x3ff
	switch exponent {
	case 0: // zero or subnormal: fraction × 2⁻²⁴
		x := float32(fraction) * 0x1p-24
		return math.Float32frombits(math.Float32bits(x) | sign)
	case 0x1f: // infinity or NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// toHalf converts to the nearest half, ties to even; what is beyond 65504 by
// half a step or more becomes infinite.
func toHalf(v float32) uint16 {
	bits := math.Float32bits(v)
	sign, magnitude := uint16(bits>>16)&0x8000, bits&0x7fffffff
	switch {
	case magnitude > 0x7f800000: // NaN: quiet, the upper bits kept
		return sign | 0x7e00 | uint16(magnitude>>13)&0x3ff
	case magnitude >= 0x47800000: // 65536 and more
		return sign | 0x7c00
	case magnitude < 0x38800000: // below 2⁻¹⁴: in steps of 2⁻²⁴
		steps := math.RoundToEven(float64(math.Float32frombits(magnitude)) * 0x1p24)
		return sign | uint16(steps) // 1024 steps are the smallest normal, as they should be
	}
	// Half of the last kept bit, less one if that is even, carries as it should.
	magnitude += 0xfff + magnitude>>13&1
	return sign | uint16((magnitude-0x38000000)>>13)
}

// toBrain converts to the nearest BF16, ties to even.
func toBrain(v float32) uint16 {
	bits := math.Float32bits(v)
	if bits&0x7fffffff > 0x7f800000 {
		return uint16(bits>>16) | 0x40 // stays a NaN
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// WriteTensor writes a tensor's bytes, or its numbers as those of type t; see [Encode].
func WriteTensor(w io.Writer, x Tensor, t DType) error {
	if x.Bytes != nil {
		_, err := w.Write(x.Bytes)
		return err
	}
	return Write(w, x.Data, t)
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
