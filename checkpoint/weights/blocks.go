package weights

import (
	"encoding/binary"
	"fmt"
	"math"
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
	decode         func(dst []float32, src []byte) // one block
}

// blocks are those that are read. Source of the layouts: ggml-common.h and ggml-quants.c of ggml. Scales are halves;
// products are rounded before they are added to, on processors that could do both at once, too.
var blocks = map[DType]block{
	Q4_0: {32, 18, decodeQ4_0},
	Q4_1: {32, 20, decodeQ4_1},
	Q5_0: {32, 22, decodeQ5_0},
	Q5_1: {32, 24, decodeQ5_1},
	Q8_0: {32, 34, decodeQ8_0},
	Q2_K: {256, 84, decodeQ2_K},
	Q3_K: {256, 110, decodeQ3_K},
	Q4_K: {256, 144, decodeQ4_K},
	Q5_K: {256, 176, decodeQ5_K},
	Q6_K: {256, 210, decodeQ6_K},
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
func half(src []byte) float32 { return fromHalf(binary.LittleEndian.Uint16(src)) }

// decodeQ4_0: a scale; 16 bytes, each of number i in its lower half, and of i+16 in its upper; 8 stands for 0.
func decodeQ4_0(dst []float32, src []byte) {
	d, low, high := half(src), dst[:16], dst[16:32]
	for i, q := range src[2:18] {
		low[i] = float32(int(q&15)-8) * d
		high[i] = float32(int(q>>4)-8) * d
	}
}

// decodeQ4_1: a scale, and what 0 stands for; 16 bytes as of Q4_0.
func decodeQ4_1(dst []float32, src []byte) {
	d, m, low, high := half(src), half(src[2:]), dst[:16], dst[16:32]
	for i, q := range src[4:20] {
		low[i] = float32(float32(q&15)*d) + m
		high[i] = float32(float32(q>>4)*d) + m
	}
}

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

// decodeQ8_0: a scale; 32 bytes with a sign.
func decodeQ8_0(dst []float32, src []byte) {
	d, q := half(src), src[2:34]
	for i := range dst[:32] {
		dst[i] = float32(int8(q[i])) * d
	}
}

// encodeQ8_0 is the other way: the largest number of a block becomes 127 or -127, and each the nearest whole one,
// ties away from 0. It is an error if the scale is no half.
func encodeQ8_0(dst []byte, x []float32) error {
	for ; len(x) > 0; dst, x = dst[34:], x[32:] {
		largest := float32(0)
		for _, v := range x[:32] {
			largest = max(largest, float32(math.Abs(float64(v)))) // a NaN stays one
		}
		d, inverse := largest/127, float32(0)
		scale := toHalf(d)
		if scale > 0 { // else all are 0
			inverse = 1 / d
		}
		if scale&0x7c00 == 0x7c00 {
			return fmt.Errorf("%v is no number that Q8_0 has a scale for", largest)
		}
		binary.LittleEndian.PutUint16(dst, scale)
		for i, v := range x[:32] {
			dst[2+i] = byte(int8(math.Round(float64(v * inverse))))
		}
	}
	return nil
}
