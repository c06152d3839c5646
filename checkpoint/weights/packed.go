package weights

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// PackedFormats maps the types that can be computed with as they are stored to their formats: see
// [kernel.Packed].
var PackedFormats = map[DType]kernel.Format{BF16: kernel.BF16, Q8_0: kernel.Q8_0, Q4_0: kernel.Q4_0, Q4_1: kernel.Q4_1, MXFP4: kernel.MXFP4}

// partsOf returns the number of bytes of a block's scale, offset and codes, in the order in which a file has
// them.
func partsOf(f kernel.Format) (scale, offset, codes int) {
	switch f {
	case kernel.Q8_0:
		return 2, 0, 32
	case kernel.Q4_0:
		return 2, 0, 16
	case kernel.Q4_1:
		return 2, 2, 16
	case kernel.MXFP4:
		return 1, 0, 16
	}
	return 0, 0, 0
}

// Unblock copies all of ggml's blocks in src to the blocks of b from block at on.
func Unblock(b *kernel.Packed, at int, src []byte) {
	scale, offset, codes := partsOf(b.Format)
	if b.Format == kernel.BF16 {
		copy(b.Codes[2*kernel.Group*at:], src)
		return
	}
	for ; len(src) > 0; at++ {
		copy(b.Scales[scale*at:][:scale], src)
		copy(b.Offsets[offset*at:][:offset], src[scale:])
		to, from := b.Codes[codes*at:][:codes], src[scale+offset:][:codes]
		if b.Format == kernel.MXFP4 {
			pairHalves(to, from)
		} else {
			copy(to, from)
		}
		src = src[scale+offset+codes:]
	}
}

// Block is the inverse of [Unblock].
func Block(dst []byte, b *kernel.Packed, at int) {
	scale, offset, codes := partsOf(b.Format)
	if b.Format == kernel.BF16 {
		copy(dst, b.Codes[2*kernel.Group*at:])
		return
	}
	for ; len(dst) > 0; at++ {
		copy(dst, b.Scales[scale*at:][:scale])
		copy(dst[scale:], b.Offsets[offset*at:][:offset])
		to, from := dst[scale+offset:][:codes], b.Codes[codes*at:][:codes]
		if b.Format == kernel.MXFP4 {
			partPairs(to, from)
		} else {
			copy(to, from)
		}
		dst = dst[scale+offset+codes:]
	}
}

// pairHalves converts ggml's bytes, of codes i and i+16, to bytes of codes 2i and 2i+1, as in gpt-oss.
func pairHalves(dst, src []byte) {
	for i := range dst {
		lo, hi := src[2*i%16]>>(i/8*4)&15, src[2*i%16+1]>>(i/8*4)&15
		dst[i] = lo | hi<<4
	}
}

// partPairs is the inverse of pairHalves.
func partPairs(dst, src []byte) {
	for i := range dst {
		dst[i] = src[i/2]>>(i%2*4)&15 | src[8+i/2]>>(i%2*4)&15<<4
	}
}

// decodeAtOnce bounds how many numbers are decoded at a time: 16 kB of them.
const decodeAtOnce = 1 << 12

// decodePacked is Decode for blocks of a format that the kernels know.
func decodePacked(dst []float32, src []byte, f kernel.Format) {
	scale, offset, codes := partsOf(f)
	size := scale + offset + codes
	for len(dst) > 0 {
		n := min(len(dst), decodeAtOnce)
		b, err := kernel.NewPacked(f, 1, n)
		if err != nil {
			panic(err) // callers pass whole blocks
		}
		Unblock(b, 0, src[:n/kernel.Group*size])
		b.DecodeRows(dst[:n], 0)
		dst, src = dst[n:], src[n/kernel.Group*size:]
	}
}

// encodeBlocks is Encode for these formats.
func encodeBlocks(dst []byte, x []float32, t DType) error {
	f, ok := PackedFormats[t]
	if !ok || !f.Groups() {
		return fmt.Errorf("cannot write %s, only F32, F16, BF16, Q8_0, Q4_0, Q4_1 and MXFP4", t)
	}
	b, err := kernel.Pack(f, 1, len(x), x)
	if err != nil {
		return cmp.Or(errors.Unwrap(err), err) // drop the position, which counts only within x
	}
	scale, offset, codes := partsOf(f)
	Block(dst[:len(x)/kernel.Group*(scale+offset+codes)], b, 0)
	return nil
}
