package kernel

import (
	"encoding/binary"
	"unsafe"
)

// decodeGrain is the least number of elements that a goroutine decodes.
const decodeGrain = 1 << 14

// Decode fills dst with the numbers of the matrix, row by row.
func (b *Packed) Decode(dst []float32) {
	For(b.Rows, 1+decodeGrain/b.Cols, func(lo, hi int) { b.DecodeRows(dst[lo*b.Cols:hi*b.Cols], lo) })
}

// DecodeRows fills dst with whole rows, beginning at row from, in the calling goroutine.
func (b *Packed) DecodeRows(dst []float32, from int) {
	part := b.Part(from, len(dst)/b.Cols)
	part.decode(dst)
}

// decode is Decode in a single goroutine.
func (b *Packed) decode(dst []float32) {
	if b.decodeFast(dst) {
		return
	}
	switch b.Format {
	case BF16:
		for i := range dst {
			dst[i] = FromBrain(binary.LittleEndian.Uint16(b.Codes[2*i:]))
		}
	case MXFP4:
		decodeMXFP4(dst, b.Codes, b.Scales)
	default:
		b.decodeGroups(dst)
	}
}

// decodeGroups decodes groups whose scales are halves. Products are rounded before offsets are added, even on
// processors that could fuse the two.
func (b *Packed) decodeGroups(dst []float32) {
	for g := range len(dst) / Group {
		out, d := dst[g*Group:][:Group], half(b.Scales[2*g:])
		if b.Format == Q8_0 {
			for i, q := range b.Codes[g*Group:][:Group] {
				out[i] = float32(int8(q)) * d
			}
			continue
		}
		codes, low, high := b.Codes[g*Group/2:][:Group/2], out[:Group/2], out[Group/2:]
		if b.Format == Q4_0 {
			for i, q := range codes {
				low[i] = float32(int(q&15)-8) * d
				high[i] = float32(int(q>>4)-8) * d
			}
			continue
		}
		m := half(b.Offsets[2*g:])
		for i, q := range codes {
			low[i] = float32(float32(q&15)*d) + m
			high[i] = float32(float32(q>>4)*d) + m
		}
	}
}

// half decodes the half at the beginning of src.
func half(src []byte) float32 { return FromHalf(binary.LittleEndian.Uint16(src)) }

// bytesOf returns the memory of x.
func bytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// GatherPacked sets row n of out to row ids[n] of a packed table.
func GatherPacked(out []float32, table *Packed, ids []int) {
	for n, id := range ids {
		table.DecodeRows(out[n*table.Cols:(n+1)*table.Cols], id)
	}
}
