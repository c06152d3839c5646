package weights

import (
	"encoding/binary"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// The block types of llama.cpp's files: each number has a few bits, and the numbers of a block share scales.
// The last axis of a tensor consists of whole blocks.
const (
	Q4_0 DType = "Q4_0"
	Q4_1 DType = "Q4_1"
	Q5_0 DType = "Q5_0"
	Q5_1 DType = "Q5_1"
	Q8_0 DType = "Q8_0"
	Q2_K DType = "Q2_K"
	Q3_K DType = "Q3_K"
	Q4_K DType = "Q4_K"
	Q5_K DType = "Q5_K"
	Q6_K DType = "Q6_K"
)

// block describes a block type.
type block struct {
	numbers, bytes int
	decode         func(dst []float32, src []byte) // one block; nil if the kernels decode it
}

// blocks are the block types that can be read. The layouts are from ggml-common.h and ggml-quants.c of ggml.
// Scales are in half precision. Products are rounded before they are added, even on processors that can fuse
// the two.
var blocks = map[DType]block{
	// A scale; 16 bytes, with number i in the lower half of byte i, and number i+16 in the upper half; 8
	// stands for 0.
	Q4_0: {32, 18, nil},
	// A scale, and an offset to add; 16 bytes as in Q4_0.
	Q4_1: {32, 20, nil},
	Q5_0: {32, 22, decodeQ5_0},
	Q5_1: {32, 24, decodeQ5_1},
	// A scale; 32 signed bytes.
	Q8_0: {32, 34, nil},
	Q2_K: {256, 84, decodeQ2_K},
	Q3_K: {256, 110, decodeQ3_K},
	Q4_K: {256, 144, decodeQ4_K},
	Q5_K: {256, 176, decodeQ5_K},
	Q6_K: {256, 210, decodeQ6_K},
	// An exponent of one byte; 16 bytes as in Q4_0, of MXFP4 codes.
	MXFP4: {32, 17, nil},
}

// Block returns how many numbers of type t make up a block, and the block's size in bytes. It is 1 number if
// each is stored separately, and 0 for types that cannot be read.
func (t DType) Block() (numbers, bytes int) {
	if w := t.Width(); w > 0 {
		return 1, w
	}
	b := blocks[t]
	return b.numbers, b.bytes
}

// half returns the half-precision number at the beginning of src.
func half(src []byte) float32 { return kernel.FromHalf(binary.LittleEndian.Uint16(src)) }

// decodeQ5_0 decodes a scale; 32 fifth bits; 16 bytes as in Q4_0. 16 stands for 0.
func decodeQ5_0(dst []float32, src []byte) {
	d, fifth, low, high := half(src), binary.LittleEndian.Uint32(src[2:]), dst[:16], dst[16:32]
	for i, q := range src[6:22] {
		low[i] = float32(int(q&15)+int(fifth>>i&1)<<4-16) * d
		high[i] = float32(int(q>>4)+int(fifth>>(i+16)&1)<<4-16) * d
	}
}

// decodeQ5_1 decodes a scale, and an offset to add; fifth bits and 16 bytes as in Q5_0.
func decodeQ5_1(dst []float32, src []byte) {
	d, m, fifth, low, high := half(src), half(src[2:]), binary.LittleEndian.Uint32(src[4:]), dst[:16], dst[16:32]
	for i, q := range src[8:24] {
		low[i] = float32(float32(int(q&15)+int(fifth>>i&1)<<4)*d) + m
		high[i] = float32(float32(int(q>>4)+int(fifth>>(i+16)&1)<<4)*d) + m
	}
}
