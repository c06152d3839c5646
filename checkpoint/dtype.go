package checkpoint

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// DType is the number type of a stored tensor, in the words of safetensors.
type DType string

// The number types that can be read into float32.
const (
	F32  DType = "F32"  // IEEE 754 single precision
	F16  DType = "F16"  // IEEE 754 half precision
	BF16 DType = "BF16" // the upper half of an F32
)

// dtypeBits holds the size of one number of every type the format knows: a
// file may hold tensors that nobody reads, such as the attention masks of old
// GPT-2 files.
var dtypeBits = map[DType]uint64{
	"F64": 64, F32: 32, F16: 16, BF16: 16, "C64": 64,
	"I64": 64, "I32": 32, "I16": 16, "I8": 8,
	"U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8,
	"F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}

// readable reports whether numbers of type t can be read into float32.
func (t DType) readable() bool { return t == F32 || t == F16 || t == BF16 }

// littleEndian says that float32s in memory are laid out as in the file, so
// that they need no conversion. Tests turn it off to try the other way.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// asBytes returns the memory of x.
func asBytes(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// decode converts the len(dst) numbers of type t in src.
func decode(dst []float32, src []byte, t DType) {
	switch t {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = halfToFloat32(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	}
}

// encode converts x to little-endian F32.
func encode(dst []byte, x []float32) {
	for i, v := range x {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
	}
}

// halfToFloat32 converts an IEEE 754 half: 1 sign bit, 5 of exponent (bias
// 15), 10 of fraction. Every half is a float32, so this is exact; the bits of
// a NaN are kept.
func halfToFloat32(h uint16) float32 {
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
