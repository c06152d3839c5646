package weights

import (
	"encoding/binary"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// The types of llama.cpp's files that have numbers in blocks: some bits of each, and scales that they share. The
// last axis of a tensor is whole blocks.
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

// block is a type of blocks.
type block struct {
	numbers, bytes int
	decode         func(dst []float32, src []byte) // one block; nil if the kernels decode it
}

// blocks are those that are read. Source of the layouts: ggml-common.h and ggml-quants.c of ggml. Scales are halves;
// products are rounded before they are added to, on processors that could do both at once, too.
var blocks = map[DType]block{
	// A scale; 16 bytes, each of number i in its lower half, and of i+16 in its upper; 8 stands for 0.
	Q4_0: {32, 18, nil},
	// A scale, and what 0 stands for; 16 bytes as of Q4_0.
	Q4_1: {32, 20, nil},
	Q5_0: {32, 22, decodeQ5_0},
	Q5_1: {32, 24, decodeQ5_1},
	// A scale; 32 bytes with a sign.
	Q8_0: {32, 34, nil},
	Q2_K: {256, 84, decodeQ2_K},
	Q3_K: {256, 110, decodeQ3_K},
	Q4_K: {256, 144, decodeQ4_K},
	Q5_K: {256, 176, decodeQ5_K},
	Q6_K: {256, 210, decodeQ6_K},
	// An exponent of a byte; 16 bytes as of Q4_0, of codes of MXFP4.
	MXFP4: {32, 17, nil},
}

// Block is how many numbers of type t lie together, and in how many bytes: 1 for one that has each by itself, 0 for
// one that is not read.
func (t DType) Block() (numbers, bytes int) {
	if w := t.Width(); w > 0 {
		return 1, w
	}
	b := blocks[t]
	return b.numbers, b.bytes
}

// half is the number at the beginning of src.
func half(src []byte) float32 { return kernel.FromHalf(binary.LittleEndian.Uint16(src)) }

// decodeQ5_0: a scale; 32 fifth bits; 16 bytes as of Q4_0; 16 stands for 0.
func decodeQ5_0(dst []float32, src []byte) {
	d, fifth, low, high := half(src), binary.LittleEndian.Uint32(src[2:]), dst[:16], dst[16:32]
	for i, q := range src[6:22] {
		low[i] = float32(int(q&15)+int(fifth>>i&1)<<4-16) * d
		high[i] = float32(int(q>>4)+int(fifth>>(i+16)&1)<<4-16) * d
	}
}

// decodeQ5_1: a scale, and what 0 stands for; fifth bits and 16 bytes as of Q5_0.
func decodeQ5_1(dst []float32, src []byte) {
	d, m, fifth, low, high := half(src), half(src[2:]), binary.LittleEndian.Uint32(src[4:]), dst[:16], dst[16:32]
	for i, q := range src[8:24] {
		low[i] = float32(float32(int(q&15)+int(fifth>>i&1)<<4)*d) + m
		high[i] = float32(float32(int(q>>4)+int(fifth>>(i+16)&1)<<4)*d) + m
	}
}
